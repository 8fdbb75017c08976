"""Prints the models that have anchors: ``python -m embedding_gate.anchors``. docs/anchors.md has the table."""

from collections.abc import Iterable, Sequence

from embedding_gate.data.anchors import Anchors, Cosines, Vectors, read_all_anchors
from embedding_gate.own_files import ANCHORS

__all__ = ["anchors_table"]


def anchors_table(models: Sequence[Anchors]) -> list[str]:
    """Return a Markdown table: a line for each model, and one for all of them."""
    lines = [_line(one.model, [one]) for one in models]
    return [
        "| model | cosines | vectors | wrong recipes | sources |",
        "|---|---|---|---|---|",
        *lines,
        _line("all", models),
    ]


def _line(name: str, models: Sequence[Anchors]) -> str:
    sources = [source for one in models for source in one.source]
    figures = [figure for source in sources for figure in source.figures]
    right = [figure for figure in figures if not figure.wrong]
    cosines = sum(_count(figure) for figure in right if isinstance(figure, Cosines))
    vectors = sum(_count(figure) for figure in right if isinstance(figure, Vectors))
    wrong = sum(_count(figure) for figure in figures if figure.wrong)
    said = _projects(source.repository for source in sources)
    where = ", ".join(said) if len(models) == 1 else f"{len(sources)} files of {len(said)} repositories"
    return f"| {name if len(models) == 1 else f'all {len(models)}'} | {cosines} | {vectors} | {wrong} | {where} |"


def _projects(repositories: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(repositories))


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
