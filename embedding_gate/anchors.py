"""Prints how many figures each model has (docs/anchors.md): ``python -m embedding_gate.anchors``."""

from collections.abc import Sequence
from itertools import chain

from embedding_gate.data.anchors import Anchors, Cosines, Vectors, read_all_anchors
from embedding_gate.own_files import ANCHORS

__all__ = ["anchors_table"]


HEADER = ("model", "cosines", "vectors", "wrong recipes", "read from")


def anchors_table(models: Sequence[Anchors]) -> list[str]:
    """Return a Markdown table: a line for each model, and one for all of them."""
    repositories = {
        one.model: list(dict.fromkeys(source.repository for source in one.source)) for one in models
    }
    lines = [(one.model, *_counts([one]), ", ".join(repositories[one.model])) for one in models]
    files = len({(source.repository, source.path) for one in models for source in one.source})
    sources = f"{files} files of {len(set(chain(*repositories.values())))} repositories"
    lines.append((f"all {len(models)}", *_counts(models), sources))
    return [" | ".join(("", *map(str, line), "")).strip() for line in (HEADER, ["---"] * len(HEADER), *lines)]


def _counts(models: Sequence[Anchors]) -> tuple[int, int, int]:
    """Count cosines and vectors, and the figures of wrong recipes."""
    figures = [figure for one in models for source in one.source for figure in source.figures]
    right = [figure for figure in figures if not figure.wrong]
    return (
        sum(_count(figure) for figure in right if isinstance(figure, Cosines)),
        sum(_count(figure) for figure in right if isinstance(figure, Vectors)),
        sum(_count(figure) for figure in figures if figure.wrong),
    )


def _count(figure: Cosines | Vectors) -> int:
    """Count the figures: vectors; cosines without those of a text with itself, each once."""
    if isinstance(figure, Vectors):
        return len(figure.texts)
    queries = len(figure.queries)
    return queries * len(figure.documents) or queries * (queries - 1) // 2


def main() -> None:
    """Print the table."""
    print(*anchors_table(read_all_anchors(ANCHORS)), sep="\n")


if __name__ == "__main__":
    main()
