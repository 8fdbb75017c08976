"""A retrieval set: queries, passages, and judgements of which passage answers which query."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.judgements import Judgements, read_judgements
from embedding_gate.data.labelled import Part
from embedding_gate.data.row import Row
from embedding_gate.data.rows import content_hash, read_rows, unique
from embedding_gate.errors import FixtureError

__all__ = ["Missing", "Retrieval", "passage_of", "read_retrieval"]

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Missing:
    """M judgements of passages that the corpus lacks: (M,) each, the row of the query and the gain.

    A query that has no other relevant passage is none of the Q queries. Its row is Q or more.
    """

    query_rows: Rows
    gains: NDArray[np.float64]


NONE_MISSING = Missing(np.empty(0, dtype=np.int64), np.empty(0))


@dataclass(frozen=True)
class Retrieval:
    """Q queries, P passages, and R judgements that a passage is relevant to a query.

    Passages are not held in memory: ``passages`` reads them one by one.

    only: the lines of corpus.jsonl that are passages of this set, or None for all.
    query_rows, passage_rows, gains: (R,) each: this passage has this gain (> 0) for this query.
    own: row of a query -> row of the passage with the same id, which is the query's own text. BEIR leaves it
        out of the query's ranking.
    missing: the judgements of passages that the corpus lacks.
    notes: what was left out, in words.
    """

    path: Path
    queries: tuple[str, ...]
    count: int
    query_rows: Rows
    passage_rows: Rows
    gains: NDArray[np.float64]
    sha256: str
    only: Rows | None = None
    own: Mapping[int, int] = field(default_factory=dict)
    missing: Missing = NONE_MISSING
    notes: tuple[str, ...] = ()

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
        rows = np.unique(self.passage_rows[kept])
        place = {row: number for number, row in enumerate(rows.tolist())}
        return replace(
            self,
            queries=self.queries[after : after + queries],
            count=len(rows),
            query_rows=self.query_rows[kept] - after,
            passage_rows=np.searchsorted(rows, self.passage_rows[kept]),
            gains=self.gains[kept],
            sha256=content_hash([(self.sha256, *(("after", after) if after else ()), "first", queries)]),
            only=rows if self.only is None else self.only[rows],
            own={
                query - after: place[passage]
                for query, passage in self.own.items()
                if after <= query < after + queries and passage in place
            },
            missing=NONE_MISSING,
        )


def read_retrieval(folder: Path) -> Retrieval:
    """Read a retrieval set as BEIR publishes it: corpus.jsonl, queries.jsonl, qrels/test.tsv.

    Queries without a relevant passage, passages without a text, and judgements of what is not there are left
    out. ``notes`` counts them.

    Raises:
        FixtureError: a file is missing or malformed (names the line), an id is there twice, a passage is
            judged twice in two ways, or fewer than two queries have a relevant passage.

    """
    judged = read_judgements(folder / "qrels" / "test.tsv")
    corpus = _read_corpus(folder / "corpus.jsonl", judged)
    texts = _read_queries(folder / "queries.jsonl", judged.queries)
    relevant = {key: gain for key, gain in judged.gains.items() if gain > 0 and key[0] in texts}
    found = {key: gain for key, gain in relevant.items() if key[1] in corpus.rows}
    unreachable = {key: gain for key, gain in relevant.items() if key not in found}
    answered = {query for query, _ in found}
    kept = [name for name in texts if name in answered]
    if len(kept) < 2:
        raise FixtureError(
            folder, "must hold two queries with a relevant passage, or more", hint="add judgements"
        )
    row_of = {
        name: row for row, name in enumerate(dict.fromkeys([*kept, *(query for query, _ in unreachable)]))
    }
    own = {
        row_of[name]: corpus.rows[name]
        for name in kept
        if name in corpus.rows and relevant.get((name, name), 0) == 0
    }
    return Retrieval(
        path=folder,
        queries=tuple(texts[name] for name in kept),
        count=corpus.count,
        query_rows=np.array([row_of[query] for query, _ in found]),
        passage_rows=np.array([corpus.rows[passage] for _, passage in found]),
        gains=np.array(list(found.values())),
        sha256=_hash_of_files(
            folder / "corpus.jsonl", folder / "queries.jsonl", folder / "qrels" / "test.tsv"
        ),
        only=corpus.lines,
        own=own,
        missing=Missing(
            np.array([row_of[query] for query, _ in unreachable], dtype=np.int64),
            np.array(list(unreachable.values())),
        ),
        notes=(*judged.notes, *_left_out(judged, corpus, texts, len(own))),
    )


@dataclass(frozen=True)
class _Corpus:
    """What is known of the passages.

    rows: id -> row, of the passages that are judged or have the id of a query. count: of those with a text.
    empty: how many have none. lines: see ``Retrieval.only``.
    """

    rows: Mapping[str, int]
    count: int
    empty: int
    lines: Rows | None


def _read_corpus(path: Path, judged: Judgements) -> _Corpus:
    names = judged.passages | judged.queries
    rows: dict[str, int] = {}
    seen: set[str] = set()
    empty: list[int] = []
    for number, row in enumerate(read_rows(path, ("_id", "text"))):
        name = str(row.values["_id"])
        if name in seen:
            raise FixtureError(row.where, f"_id {name!r} is there twice", hint="give each an _id of its own")
        seen.add(name)
        if not passage_of(row):
            empty.append(number)
        elif name in names:
            rows[name] = number - len(empty)
    lines = np.setdiff1d(np.arange(len(seen)), empty) if empty else None
    return _Corpus(rows, len(seen) - len(empty), len(empty), lines)


def passage_of(row: Row) -> str:
    """Return a passage after its title; "" if it has neither.

    Raises:
        FixtureError: one of the two is not a text.

    """
    title, text = (row.text(column) if row.has_text(column) else "" for column in ("title", "text"))
    return f"{title} {text}".strip()


def _read_queries(path: Path, judged: set[str]) -> dict[str, str]:
    """Return the judged queries in file order: id -> text."""
    names, texts = [], {}
    for row in read_rows(path, ("_id", "text")):
        name = str(row.values["_id"])
        names.append((row.where, name))
        if name in judged:
            texts[name] = row.text("text")
    unique(names, "_id")
    return texts


def _left_out(judged: Judgements, corpus: _Corpus, texts: Mapping[str, str], own: int) -> Iterator[str]:
    for column, there, file in ((0, texts, "queries.jsonl"), (1, corpus.rows, "corpus.jsonl")):
        if absent := [key[column] for key in judged.gains if key[column] not in there]:
            yield f"left out: {len(absent)} judgements of ids that {file} lacks, first {absent[0]!r}"
    if corpus.empty:
        yield f"left out: {corpus.empty} passages without a text"
    if own:
        yield f"left out, as in BEIR: {own} passages with the id of a query, each from that query's ranking"


def _hash_of_files(*paths: Path) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()
