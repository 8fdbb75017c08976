"""Judgements of a retrieval set: qrels/test.tsv, in BEIR's three columns or in TREC's four."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from embedding_gate.data.row import Row
from embedding_gate.data.rows import numbered_lines, read_rows
from embedding_gate.errors import FixtureError

__all__ = ["Judgements", "read_judgements"]

_BEIR = ("query-id", "corpus-id", "score")
_TREC = ("query-id", "iteration", "corpus-id", "score")  # no header; blanks or tabs between them


@dataclass(frozen=True)
class Judgements:
    """The judgements of a file.

    gains: (query, passage) -> gain, 0 or more. notes: what was read, and what counts as 0.
    """

    gains: Mapping[tuple[str, str], float]
    notes: tuple[str, ...]

    @property
    def queries(self) -> set[str]:
        """The ids of the judged queries."""
        return {query for query, _ in self.gains}

    @property
    def passages(self) -> set[str]:
        """The ids of the judged passages."""
        return {passage for _, passage in self.gains}


def read_judgements(path: Path) -> Judgements:
    """Read the judgements of a file.

    A gain below 0 means "pooled, but not judged" in TREC, and trec_eval takes it for not relevant.

    Raises:
        FixtureError: the file cannot be read, is malformed (names the line), or judges a passage twice in
            two ways.

    """
    if not path.exists() and (others := sorted(path.parent.glob("*.tsv"))):
        hint = f"copy {others[0].name} to {path.name}, if its judgements are meant"
        raise FixtureError(path, "no such file, and no other file of judgements is read", hint=hint)
    gains: dict[tuple[str, str], float] = {}
    twice = below = 0
    trec = _is_trec(path)
    for row in _trec_rows(path) if trec else read_rows(path, _BEIR):
        key, gain = (row.text("query-id"), row.text("corpus-id")), row.number("score")
        if gains.get(key, gain) != gain:
            raise FixtureError(
                row.where,
                f"judges {key} as {gain:g} and before as {gains[key]:g}",
                hint="keep one of the lines",
            )
        twice += key in gains
        below += gain < 0
        gains[key] = gain
    said = {
        f"{path.name} has TREC's four columns": trec,
        f"{twice} judgements are there twice, in the same way": twice,
        f"{below} judgements below 0 count as not relevant": below,
    }
    return Judgements({key: max(gain, 0.0) for key, gain in gains.items()}, tuple(filter(said.get, said)))


def _is_trec(path: Path) -> bool:
    """Tell whether the first line has four columns without a header."""
    _, line = next(numbered_lines(path), ("", ""))
    fields = line.split()
    return len(fields) == len(_TREC) and fields[-1].lstrip("-").isdecimal()


def _trec_rows(path: Path) -> Iterator[Row]:
    for where, line in numbered_lines(path):
        fields = line.split()
        if len(fields) != len(_TREC):
            raise FixtureError(
                where, f"has {len(fields)} columns, TREC's judgements have 4", hint="correct the line"
            )
        yield Row(where, dict(zip(_TREC, fields, strict=True)))
