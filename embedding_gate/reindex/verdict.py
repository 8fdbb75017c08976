"""Must one index again? The verdict on two snapshots: identical, same, compatible, or re-index."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from embedding_gate.metrics.vector_change import number
from embedding_gate.reindex.diagnosis import Reason
from embedding_gate.reindex.evidence import Evidence, common
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.mixing import Mixed
from embedding_gate.reindex.snapshot import Snapshot

__all__ = ["ANSWERS", "ARITHMETIC", "NOTHING", "Answer", "Verdict", "judge"]

Answer = Literal["identical", "same", "compatible", "re-index"]
ANSWERS: tuple[Answer, ...] = ("identical", "same", "compatible", "re-index")  # the best first
NOTHING = Reason("nothing", "bit for bit")
ARITHMETIC = Reason("arithmetic", "within what right implementations differ by")


@dataclass(frozen=True)
class Verdict:
    """The answer, its reason, and the evidence.

    texts: how many were compared. largest: difference of a component. limit: of what arithmetic may make.
    identity: what both models tell, and tell differently. evidence: of vectors that differ.
    """

    answer: Answer
    reason: Reason
    texts: int
    largest: float
    limit: float
    identity: Sequence[str] = ()
    evidence: Evidence | None = None

    @property
    def figures(self) -> Sequence[Mixed]:
        """Figures of old and new vectors mixed."""
        return self.evidence.figures if self.evidence else []

    @property
    def after(self) -> Sequence[Mixed]:
        """Figures of old vectors mapped onto new ones, if one must index again."""
        return self.evidence.mapped if self.evidence and self.answer == "re-index" else []

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
        found += [f"instead of a new index: {self.reason.remedy}"] if self.reason.remedy else []
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
    evidence = Evidence(old, new, common(old, new))
    pair = evidence.pair
    count, limit, identity = len(pair.old), pair.floor, old.identity.differences(new.identity)
    if pair.old.shape != pair.new.shape:
        return Verdict("re-index", evidence.reason, count, np.nan, limit, identity, evidence)
    if pair.old.tobytes() == pair.new.tobytes():
        return Verdict("identical", NOTHING, count, 0.0, limit, identity)
    largest = float(pair.differences.max(initial=0.0))
    if largest <= limit:
        return Verdict("same", ARITHMETIC, count, largest, limit, identity)
    found = Verdict("compatible", evidence.reason, count, largest, limit, identity, evidence)
    if found.reason.exact or any(not _surely(one) <= limits().margin.at_most for one in found.figures):
        return replace(found, answer="re-index")
    return found


def _worth(mapped: Mixed) -> str:
    if _surely(mapped) <= limits().margin.at_most:
        return "not surely worse, and cheaper than encoding again"
    return "surely worse: encode again"


def _surely(figure: Mixed) -> float:
    return figure.moved.surely_worse


def _as_data(one: Mixed) -> dict[str, Any]:
    names = ("before", "after", "low", "high", "surely_worse")
    return {"metric": one.moved.metric, "way": one.way} | {
        name: number(getattr(one.moved, name)) for name in names
    }
