"""The texts of a snapshot: the gate's own with all that is said of them, or the hash of the user's.

Four sets of texts have vectors: "texts" are canaries of many kinds, the others are the labelled sets. Each
set has one part or two. A part is encoded with the prompt of its role.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from embedding_gate.data.goldens import Texts
from embedding_gate.data.labelled import Pairs, Part, Topics
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.data.rows import content_hash
from embedding_gate.data.sets import Sets

__all__ = ["PARTS", "Canaries", "Stored", "canaries_of", "of_rows"]

Row = tuple[Any, ...]
PARTS: Mapping[str, tuple[str, ...]] = {
    "texts": ("texts",),
    "topics": ("topics",),
    "pairs": ("sentence1", "sentence2"),
    "retrieval": ("queries", "passages"),
}
# A server may refuse hostile texts, and texts that are longer than it reads.
LEFT_OUT = ("hostile", "long")


class Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One set as a snapshot's file has it. rows: of all that its hash is of; None of texts of the user's."""

    sha256: str
    rows: list[list[Any]] | None = None


@dataclass(frozen=True)
class StoredRetrieval(Retrieval):
    """A retrieval set whose passages are in memory."""

    stored: tuple[str, ...] = ()

    def passages(self) -> Iterator[str]:
        """Yield the P passages."""
        yield from self.stored


@dataclass(frozen=True)
class Canaries:
    """The texts, and which sets are there.

    texts: those that belong to no labelled set. hashes: name of a set -> SHA-256 of its rows, of those that
    are there. own: whether they are the user's.
    """

    texts: Texts
    sets: Sets
    hashes: Mapping[str, str]
    own: bool = False
    rows: Mapping[str, Sequence[Row]] = field(default_factory=dict, repr=False)

    @property
    def parts(self) -> dict[str, Part]:
        """The texts of each part, in a fixed order."""
        canaries = Part("canaries", self.texts.texts, len(self.texts.texts))
        found = [canaries, *self.sets.parts]
        names = [name for of in PARTS.values() for name in of]
        here = {part for of in self.hashes for part in PARTS[of]}
        return {name: part for name, part in zip(names, found, strict=True) if name in here}

    def sets_of(self, parts: Collection[str]) -> Sets:
        """Return the labelled sets of which some parts are. The others are empty."""
        none = of_rows({}).sets
        kept = {name: self.sets if PARTS[name][0] in parts else none for name in PARTS}
        return Sets(kept["topics"].topics, kept["pairs"].pairs, kept["retrieval"].retrieval)

    def stored(self) -> dict[str, Stored]:
        """Return what a file holds of them. The user's texts are not written, only their hash."""
        return {
            name: Stored(sha256, None if self.own else [list(row) for row in self.rows[name]])
            for name, sha256 in self.hashes.items()
        }


def canaries_of(texts: Texts, sets: Sets, own: bool, *, only: Sequence[str] = tuple(PARTS)) -> Canaries:
    """Make canaries of the gate's texts and labelled sets.

    own: whether some of them are the user's. only: the sets that are there.
    """
    kept = texts.rows([row for row, kind in enumerate(texts.kinds) if kind not in LEFT_OUT])
    rows = {name: list(_ROWS[name](kept, sets)) for name in only}
    return Canaries(kept, sets, {name: content_hash(rows[name]) for name in only}, own, {} if own else rows)


def _of_texts(texts: Texts, _: Sets) -> Iterator[Row]:
    yield from zip(texts.ids, texts.kinds, texts.texts, strict=True)


def _of_topics(_: Texts, sets: Sets) -> Iterator[Row]:
    yield from zip(sets.topics.categories, sets.topics.texts, strict=True)


def _of_pairs(_: Texts, sets: Sets) -> Iterator[Row]:
    yield from zip(sets.pairs.one, sets.pairs.other, sets.pairs.grades.tolist(), strict=True)


def _of_retrieval(_: Texts, sets: Sets) -> Iterator[Row]:
    known = sets.retrieval
    yield from (("query", text) for text in known.queries)
    yield from (("passage", text) for text in known.passages())
    judged = (known.query_rows, known.passage_rows, known.gains)
    yield from (("judgement", *row) for row in zip(*(of.tolist() for of in judged), strict=True))


_ROWS = {"texts": _of_texts, "topics": _of_topics, "pairs": _of_pairs, "retrieval": _of_retrieval}


def of_rows(stored: Mapping[str, Stored]) -> Canaries:
    """Make canaries of the rows of a file. A set that is not there is empty.

    Raises:
        ValueError: the rows are not those of their set.

    """
    rows = {name: [tuple(row) for row in of.rows or ()] for name, of in stored.items()}
    ids, kinds, texts = _columns(rows.get("texts", []), 3)
    categories, by_topic = _columns(rows.get("topics", []), 2)
    one, other, grades = _columns(rows.get("pairs", []), 3)
    topics = Topics(tuple(f"text-{row}" for row in range(len(by_topic))), categories, by_topic, "")
    sets = Sets(topics, Pairs(one, other, np.array(grades, dtype=np.float64), ""), _retrieval(rows))
    hashes = {name: of.sha256 for name, of in stored.items()}
    own = any(of.rows is None for of in stored.values())
    return Canaries(Texts(ids, kinds, texts, ""), sets, hashes, own, rows)


def _columns(rows: Sequence[Row], count: int) -> Sequence[tuple[Any, ...]]:
    return tuple(zip(*rows, strict=True)) if rows else ((),) * count


def _retrieval(rows: Mapping[str, Sequence[Row]]) -> StoredRetrieval:
    of: dict[str, list[Row]] = {"query": [], "passage": [], "judgement": []}
    for kind, *row in rows.get("retrieval", []):
        of[kind].append(tuple(row))
    queries, passages = (tuple(text for (text,) in of[kind]) for kind in ("query", "passage"))
    query_rows, passage_rows, gains = _columns(of["judgement"], 3)
    return StoredRetrieval(
        path=Path("the snapshot"),
        queries=queries,
        count=len(passages),
        query_rows=np.array(query_rows, dtype=np.int64),
        passage_rows=np.array(passage_rows, dtype=np.int64),
        gains=np.array(gains, dtype=np.float64),
        sha256="",
        stored=passages,
    )
