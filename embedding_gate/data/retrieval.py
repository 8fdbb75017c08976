"""A retrieval set: queries, passages, and judgements of which passage answers which query."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import Part
from embedding_gate.data.rows import Row, content_hash, read_rows, unique
from embedding_gate.errors import FixtureError

__all__ = ["Retrieval", "passage_of", "read_retrieval"]


@dataclass(frozen=True)
class Retrieval:
    """Q queries, P passages, and R judgements that a passage is relevant to a query.

    Passages are not held in memory: ``passages`` reads them one by one.

    only: the lines of corpus.jsonl that are passages of this set, or None for all.
    query_rows, passage_rows, gains: (R,) each: this passage has this gain (> 0) for this query.
    """

    path: Path
    queries: tuple[str, ...]
    count: int
    query_rows: NDArray[np.int64]
    passage_rows: NDArray[np.int64]
    gains: NDArray[np.float64]
    sha256: str
    only: NDArray[np.int64] | None = None

    @property
    def parts(self) -> tuple[Part, ...]:
        """The queries, and the passages."""
        queries = Part("queries", self.queries, len(self.queries), "query")
        return queries, Part("passages", self.passages(), self.count, "document")

    def passages(self) -> Iterator[str]:
        """Yield the P passages in file order, each after its title if it has one."""
        chosen = None if self.only is None else set(self.only.tolist())
        for number, row in enumerate(read_rows(self.path / "corpus.jsonl", ("_id", "text"))):
            if chosen is None or number in chosen:
                yield passage_of(row)

    def first(self, queries: int, *, after: int = 0) -> "Retrieval":
        """Return a smaller set: the first queries, after leaving some out, and their passages."""
        kept = (after <= self.query_rows) & (self.query_rows < after + queries)
        only = np.unique(self.passage_rows[kept])
        return replace(
            self,
            queries=self.queries[after : after + queries],
            count=len(only),
            query_rows=self.query_rows[kept] - after,
            passage_rows=np.searchsorted(only, self.passage_rows[kept]),
            gains=self.gains[kept],
            sha256=content_hash([(self.sha256, *(("after", after) if after else ()), "first", queries)]),
            only=only,
        )


def passage_of(row: Row) -> str:
    """Return the passage of a row: its text, after its title if it has one.

    Raises:
        FixtureError: the text or the title is no text.

    """
    title = row.text("title") if row.values.get("title") else ""
    return f"{title} {row.text('text')}".strip()


def read_retrieval(folder: Path) -> Retrieval:
    """Read a retrieval set in BEIR form: corpus.jsonl, queries.jsonl, qrels/test.tsv.

    Queries without a relevant passage and judgements of 0 are left out.

    Raises:
        FixtureError: a file is missing or malformed (names the line), an id is there twice, a judgement
            names a query or passage that does not exist, or no passage is relevant.

    """
    judgements = _judgements(folder / "qrels" / "test.tsv")
    judged = {passage for _, passage in judgements}
    passage_of, count = _passage_rows(folder / "corpus.jsonl", judged)
    query_rows = [
        (row.where, str(row.values["_id"]), row.text("text"))
        for row in read_rows(folder / "queries.jsonl", ("_id", "text"))
    ]
    unique([(where, name) for where, name, _ in query_rows], "_id")
    known = {name for _, name, _ in query_rows}
    for (query, passage), (where, _) in judgements.items():
        for name, among, file in ((query, known, "queries"), (passage, passage_of, "corpus")):
            if name not in among:
                raise FixtureError(
                    where, f"names {name!r}, which {file}.jsonl lacks", hint="correct the line"
                )
    relevant = {key: gain for key, (_, gain) in judgements.items() if gain > 0}
    asked = {query for query, _ in relevant}
    kept = [(name, text) for _, name, text in query_rows if name in asked]
    if len(kept) < 2:
        raise FixtureError(
            folder, "must hold two queries with a relevant passage, or more", hint="add judgements"
        )
    query_of = {name: row for row, (name, _) in enumerate(kept)}
    return Retrieval(
        path=folder,
        queries=tuple(text for _, text in kept),
        count=count,
        query_rows=np.array([query_of[query] for query, _ in relevant]),
        passage_rows=np.array([passage_of[passage] for _, passage in relevant]),
        gains=np.array(list(relevant.values())),
        sha256=_hash_of_files(
            folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "test.tsv"
        ),
    )


def _judgements(path: Path) -> dict[tuple[str, str], tuple[str, float]]:
    """Return (query, passage) -> (where, gain)."""
    found: dict[tuple[str, str], tuple[str, float]] = {}
    for row in read_rows(path, ("query-id", "corpus-id", "score")):
        key = (row.text("query-id"), row.text("corpus-id"))
        if key in found:
            raise FixtureError(row.where, f"judges {key} twice", hint="keep one of the lines")
        gain = row.number("score")
        if gain < 0:
            raise FixtureError(row.where, f"score must be 0 or more, got {gain:g}", hint="correct the line")
        found[key] = (row.where, gain)
    return found


def _passage_rows(path: Path, judged: set[str]) -> tuple[dict[str, int], int]:
    """Return the rows of the judged passages, and how many passages there are."""
    rows: dict[str, int] = {}
    seen: set[str] = set()
    for number, row in enumerate(read_rows(path, ("_id", "text"))):
        name = str(row.values["_id"])
        if name in seen:
            raise FixtureError(row.where, f"_id {name!r} is there twice", hint="give each an _id of its own")
        seen.add(name)
        passage_of(row)
        if name in judged:
            rows[name] = number
    return rows, len(seen)


def _hash_of_files(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
