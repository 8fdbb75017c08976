"""Looks up every figure of the anchors in the file that it was read from, at the commit that is named.

python -m tests.reference.anchors FOLDER: each FOLDER/OWNER+NAME is a clone, or has one in repo/.
"""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from embedding_gate.data.anchors import Anchors, Cosines, Source, Vectors, read_all_anchors
from embedding_gate.own_files import ANCHORS

NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def read(clones: Path, source: Source) -> str | None:
    """Return a source's file at its commit, or None if there is no clone of it."""
    clone = clones / source.repository.replace("/", "+")
    clone = clone / "repo" if (clone / "repo").is_dir() else clone
    if not source.commit or not clone.is_dir():
        return None
    command = ["git", "-C", str(clone), "show", f"{source.commit}:{source.path}"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def contains(numbers: list[float], row: tuple[float, ...]) -> bool:
    """Tell whether the numbers of a file have these beside each other."""
    starts = (at for at, number in enumerate(numbers) if number == row[0])
    return any(tuple(numbers[at : at + len(row)]) == row for at in starts)


def missing(text: str, figure: Cosines | Vectors) -> Iterator[str]:
    """Yield the rows of numbers that a file does not have."""
    numbers = [float(one) for one in NUMBER.findall(text)]
    for row in figure.values:
        if not contains(numbers, row):
            yield f"{len(row)} numbers from {row[0]}"


def look_up(clones: Path, anchors: Anchors) -> Iterator[tuple[str, str]]:
    """Yield the outcome of each figure of a model, and what it is of."""
    for source in anchors.source:
        text = read(clones, source)
        where = f"{anchors.name}: {source.repository} {source.path}"
        for figure in source.figures:
            if text is None:
                yield "no clone", where
            else:
                lacking = list(missing(text, figure))
                yield ("NOT THERE" if lacking else "found"), f"{where}: {', '.join(lacking)}"


def main() -> None:
    """Print how many figures were found, and each that was not."""
    outcomes = [one for anchors in read_all_anchors(ANCHORS) for one in look_up(Path(sys.argv[1]), anchors)]
    print(*sorted({f"{outcome}: {what}" for outcome, what in outcomes if outcome != "found"}), sep="\n")
    counts = Counter(outcome for outcome, _ in outcomes)
    print(*(f"{number} {outcome}" for outcome, number in counts.items()), sep=", ")
    sys.exit("NOT THERE" in counts)


if __name__ == "__main__":
    main()
