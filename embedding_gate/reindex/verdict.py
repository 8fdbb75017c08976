"""Must one index anew? The verdict on two snapshots: identical, same, compatible, or re-index."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import InputError
from embedding_gate.metrics.paired import beside, quality_metrics
from embedding_gate.metrics.similarity import unit
from embedding_gate.metrics.vector_change import number
from embedding_gate.reindex import maps
from embedding_gate.reindex.canaries import PARTS
from embedding_gate.reindex.diagnosis import Pair, Reason, diagnose
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.mixing import RETRIEVAL, Mixed, found_again, mixed
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.which import texts_of

__all__ = ["ANSWERS", "ARITHMETIC", "NOTHING", "Answer", "Verdict", "judge"]

Answer = Literal["identical", "same", "compatible", "re-index"]
ANSWERS: tuple[Answer, ...] = ("identical", "same", "compatible", "re-index")  # the best first
FITTED = (
    "texts",
    "topics",
    "sentence1",
    "sentence2",
)  # parts that a map is fitted on: none of the retrieval set
NOTHING = Reason("nothing", "bit for bit")
ARITHMETIC = Reason("arithmetic", "within what right implementations differ by")
EMPTY = np.empty((0, 1), dtype=np.float32)


@dataclass(frozen=True)
class Verdict:
    """The answer, its reason, and the evidence.

    texts: how many were compared. largest: difference of a component. limit: of what arithmetic may make.
    identity: what both models tell, and tell differently. figures: of old and new vectors mixed. after: of
    old vectors mapped onto new ones, if one must index anew.
    """

    answer: Answer
    reason: Reason
    texts: int
    largest: float
    limit: float
    identity: Sequence[str] = ()
    figures: Sequence[Mixed] = ()
    after: Sequence[Mixed] = field(default=())

    @property
    def worst(self) -> Mixed | None:
        """The figure that is surely worse by most."""
        return max(self.figures, key=_surely, default=None)

    def within(self, required: Answer) -> bool:
        """Tell whether the answer is as good as required, or better."""
        return ANSWERS.index(self.answer) <= ANSWERS.index(required)

    @property
    def line(self) -> str:
        """The answer and its reason, in one line."""
        return f"{self.answer} ({self.reason.kind}): {self.reason.words}"

    def lines(self) -> list[str]:
        """Return the evidence."""
        found = [
            f"{self.texts:,} texts, largest difference {self.largest:.2g}, of arithmetic {self.limit:.2g}"
        ]
        found += [f"identity: differs in {', '.join(self.identity)}"] if self.identity else []
        found += [one.line for one in self.figures]
        found += [f"instead: {self.reason.remedy}"] if self.reason.remedy else []
        return [*found, *(f"{one.line}: {_worth(one)}" for one in self.after)]

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "answer": self.answer,
            "reason": self.reason.kind,
            "words": self.reason.words,
            "remedy": self.reason.remedy,
            "texts": self.texts,
            "largest": number(self.largest),
            "limit": self.limit,
            "identity": list(self.identity),
            "figures": [_as_data(one) for one in self.figures],
            "after_mapping": [_as_data(one) for one in self.after],
        }


def judge(old: Snapshot, new: Snapshot) -> Verdict:
    """Judge whether old and new vectors may stand in one index, on the texts that both snapshots have.

    Raises:
        InputError: they have no set of texts in common.

    """
    names = common(old, new)
    one, other = (np.concatenate([_of(of, names)[name] for name in names]) for of in (old, new))
    limit = limits().same_of(old.identity.dtype, new.identity.dtype)
    identity = old.identity.differences(new.identity)
    parts = new.canaries.parts
    pair = Pair(one, other, texts_of([parts[name] for name in names]), limit)
    if one.shape != other.shape:
        reason = diagnose(pair)
        after = _after(old, new, names, reason)
        return Verdict("re-index", reason, len(one), np.nan, limit, identity, (), after)
    largest = float(pair.differences.max(initial=0.0))
    if one.tobytes() == other.tobytes():
        return Verdict("identical", NOTHING, len(one), 0.0, limit, identity)
    if largest <= limit:
        return Verdict("same", ARITHMETIC, len(one), largest, limit, identity)
    reason, figures = diagnose(pair), _figures(old, new, names, pair)
    if reason.drifted is not None:
        figures = [*figures, found_again(one, other, reason.drifted)]
    worse = any(not _surely(figure) <= limits().margin.at_most for figure in figures)
    if not (reason.exact or worse):
        return Verdict("compatible", reason, len(one), largest, limit, identity, figures)
    after = [] if reason.drifted is not None else _after(old, new, names, reason)
    return Verdict("re-index", reason, len(one), largest, limit, identity, figures, after)


def common(old: Snapshot, new: Snapshot) -> list[str]:
    """Name the parts whose texts are the same in both snapshots.

    Raises:
        InputError: there is none.

    """
    sets = [name for name in PARTS if _hash(old, name) == _hash(new, name) is not None]
    if not sets:
        what = "is of other texts than those that are encoded now"
        raise InputError("the snapshot", what, hint="give the texts that it was taken of, or take it again")
    return [part for name in sets for part in PARTS[name]]


def _hash(snapshot: Snapshot, name: str) -> str | None:
    return snapshot.canaries.hashes.get(name)


def _of(snapshot: Snapshot, names: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    return {name: snapshot.vectors[name] for name in names}


def _labelled(vectors: dict[str, NDArray[np.float32]]) -> list[NDArray[np.float64]]:
    """Return the vectors of the labelled sets' parts, of length 1; of a part that is not there, none."""
    names = [part for name in PARTS if name != "texts" for part in PARTS[name]]
    return [unit(vectors.get(name, EMPTY)) for name in names]


def _figures(old: Snapshot, new: Snapshot, names: Sequence[str], pair: Pair) -> list[Mixed]:
    one, other = (_labelled(_of(of, names)) for of in (old, new))
    return [*mixed(one, other, new.canaries.sets_of(names)), found_again(pair.old, pair.new)]


def _after(old: Snapshot, new: Snapshot, names: Sequence[str], reason: Reason) -> list[Mixed]:
    """Measure retrieval by new queries over old passages, mapped by the reason's map or by one fitted."""
    fitted = [name for name in FITTED if name in names]
    if "passages" not in names or not fitted:
        return []
    known = [unit(np.concatenate([of.vectors[name] for name in fitted])) for of in (old, new)]
    if reason.undo is not None:
        ways = {reason.remedy: reason.undo}
    else:
        ways = {"a linear map": maps.fit_linear(*known)}
        if known[0].shape == known[1].shape:
            ways["an orthogonal map"] = maps.fit_rotation(*known)
    metric = quality_metrics(new.canaries.sets_of(names))[RETRIEVAL]
    alone, its = (_labelled(_of(of, names)) for of in (old, new))
    found = []
    for name, undo in ways.items():
        moved = beside(RETRIEVAL, metric, alone, [*alone[:3], its[3], undo(alone[4])])
        found.append(Mixed(f"new queries over old passages after {name}", moved))
    return [max(found, key=lambda one: one.moved.after)]


def _worth(mapped: Mixed) -> str:
    if _surely(mapped) <= limits().margin.at_most:
        return "not surely worse, and cheaper than to encode anew"
    return "surely worse: encode anew"


def _surely(figure: Mixed) -> float:
    return figure.moved.surely_worse


def _as_data(one: Mixed) -> dict[str, Any]:
    names = ("before", "after", "low", "high", "surely_worse")
    return {"metric": one.moved.metric, "way": one.way} | {
        name: number(getattr(one.moved, name)) for name in names
    }
