"""What a verdict rests on: figures of old and new vectors mixed, and of old vectors that were mapped.

They are measured when they are first asked for: an exact reason needs none of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import InputError
from embedding_gate.metrics.paired import Vectors, beside, quality_metrics
from embedding_gate.metrics.similarity import unit
from embedding_gate.reindex import maps
from embedding_gate.reindex.canaries import PARTS
from embedding_gate.reindex.diagnosis import Pair, Reason, diagnose
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.mixing import RETRIEVAL, Mixed, found_again, mixed
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.which import texts_of

__all__ = ["Evidence", "common"]

FITTED = (
    "texts",
    "topics",
    "sentence1",
    "sentence2",
)  # parts that a map is fitted on: none of the retrieval set
LABELLED = [part for name in PARTS if name != "texts" for part in PARTS[name]]
EMPTY = np.empty((0, 1), dtype=np.float32)


def common(old: Snapshot, new: Snapshot) -> list[str]:
    """Name the parts whose texts are the same in both snapshots.

    Raises:
        InputError: there is none.

    """
    hashes = [of.canaries.hashes for of in (old, new)]
    sets = [name for name in PARTS if hashes[0].get(name) == hashes[1].get(name) is not None]
    if not sets:
        what = "is of other texts than those that are encoded now"
        raise InputError("the snapshot", what, hint="give the texts that it was taken of, or take it again")
    return [part for name in sets for part in PARTS[name]]


@dataclass(frozen=True)
class Evidence:
    """Two snapshots, on the parts that both have."""

    old: Snapshot
    new: Snapshot
    names: Sequence[str]

    @cached_property
    def pair(self) -> Pair:
        """The vectors of all texts."""
        one, other = (
            np.concatenate([of.vectors[name] for name in self.names]) for of in (self.old, self.new)
        )
        parts = self.new.canaries.parts
        limit = limits().same_of(self.old.identity.dtype, self.new.identity.dtype)
        return Pair(one, other, texts_of([parts[name] for name in self.names]), limit)

    @cached_property
    def reason(self) -> Reason:
        """Why the vectors differ."""
        return diagnose(self.pair)

    @cached_property
    def figures(self) -> list[Mixed]:
        """Figures of old and new vectors mixed. Texts that alone drifted are asked for alone, too."""
        old, new, reason = self.pair.old, self.pair.new, self.reason
        if old.shape != new.shape:
            return []
        found = [*mixed(*self._labelled, self.new.canaries.sets_of(self.names)), found_again(old, new)]
        return found if reason.drifted is None else [*found, found_again(old, new, reason.drifted)]

    @cached_property
    def mapped(self) -> list[Mixed]:
        """Retrieval by new queries over old passages, mapped by the reason's map or by one fitted."""
        reason = self.reason
        fitted = [name for name in FITTED if name in self.names]
        if "passages" not in self.names or not fitted or reason.drifted is not None:
            return []
        one, other = (
            unit(np.concatenate([of.vectors[name] for name in fitted])) for of in (self.old, self.new)
        )
        if reason.undo is not None:
            ways = {reason.remedy: reason.undo}
        else:
            ways = {"a linear map": maps.fit_linear(one, other)}
            if one.shape == other.shape:
                ways["an orthogonal map"] = maps.fit_rotation(one, other)
        metric = quality_metrics(self.new.canaries.sets_of(self.names))[RETRIEVAL]
        (*rest, queries, passages), new = self._labelled
        found = []
        for name, undo in ways.items():
            moved = beside(RETRIEVAL, metric, [*rest, queries, passages], [*rest, new[3], undo(passages)])
            found.append(Mixed(f"new queries over old passages after {name}", moved))
        return [max(found, key=lambda one: one.moved.after)]

    @cached_property
    def _labelled(self) -> tuple[Vectors, Vectors]:
        """Old and new vectors of the labelled sets' parts, of length 1; none of a part that is not there."""
        return _units(self.old, self.names), _units(self.new, self.names)


def _units(snapshot: Snapshot, names: Sequence[str]) -> list[NDArray[np.float64]]:
    return [unit(snapshot.vectors[name] if name in names else EMPTY) for name in LABELLED]
