"""What became of the vectors of the gate's texts from one tree to the other. None of it is red: the gate is.

"Identical" is said of equal bits alone. A metric is listed where it moved, however little.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.sets import Sets
from embedding_gate.metrics.paired import (
    RESOLUTION,
    Floats,
    Metric,
    Moved,
    Vectors,
    beside,
    cosine_metrics,
    quality_metrics,
)
from embedding_gate.metrics.similarity import cosine_steps, unit

__all__ = ["VectorChange", "change", "cosines_between", "number"]


@dataclass(frozen=True)
class VectorChange:
    """What changed between two trees' vectors of the same texts.

    least_cosine, worst: of a text's two vectors, and which text; NaN where they have two lengths.
    neighbours_changed: texts whose nearest other text is another; None where vectors cannot be compared.
    """

    identical: bool
    texts: int
    least_cosine: float
    worst: str
    moved: tuple[Moved, ...]
    neighbours_changed: int | None

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "identical": self.identical,
            "texts": self.texts,
            "least_cosine": number(self.least_cosine),
            "moved": [
                {"metric": one.metric}
                | {name: number(getattr(one, name)) for name in ("before", "after", "low", "high")}
                for one in self.moved
            ],
            "neighbours_changed": self.neighbours_changed,
        }

    def lines(self) -> list[str]:
        """Return what a reader should know."""
        if self.identical:
            return [f"  vectors: identical, bit for bit, of {self.texts:,} texts"]
        neighbours = "-" if self.neighbours_changed is None else f"{self.neighbours_changed:,}"
        return [
            f"  vectors: NOT identical, of {self.texts:,} texts: least cosine {self.least_cosine:.9f} "
            f"({self.worst}); another nearest text for {neighbours}",
            *(
                f"    {one.metric}: {one.before:.4f} -> {one.after:.4f}, "
                f"change {one.low:+.4f} to {one.high:+.4f}"
                for one in self.moved
            ),
        ]


def number(value: float) -> float | None:
    """Return a number as JSON has it: NaN and infinity are null."""
    return value if math.isfinite(value) else None


def change(before: Vectors, after: Vectors, sets: Sets) -> VectorChange:
    """Compare two trees' vectors of the texts of all sets."""
    texts = sum(map(len, before))
    if all(_same_bits(one, other) for one, other in zip(before, after, strict=True)):
        return VectorChange(True, texts, 1.0, "", (), 0)  # noqa: FBT003
    metrics = {**quality_metrics(sets), **cosine_metrics(sets)}
    moved = tuple(
        beside(name, metric, before, after)
        for name, metric in metrics.items()
        if _differs(metric, before, after)
    )
    least, worst, neighbours = math.nan, "their lengths differ", None
    if before[0].shape[1] == after[0].shape[1]:
        one, other = (unit(np.concatenate(list(parts))) for parts in (before, after))
        cosines = cosines_between(one, other)
        row = int(np.argmin(np.where(np.isnan(cosines), -np.inf, cosines)))
        least, worst = float(cosines[row]), list(sets.names())[row]
        if np.isfinite(one).all() and np.isfinite(other).all():
            neighbours = _neighbours_changed(one, other)
    return VectorChange(False, texts, least, worst, moved, neighbours)  # noqa: FBT003


def cosines_between(before: NDArray[Any], after: NDArray[Any]) -> Floats:
    """Return the cosine of each text's two vectors: (N, D) and (N, D) -> (N,); NaN if it has none."""
    return np.asarray((unit(before) * unit(after)).sum(axis=1))


def _same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


def _differs(metric: Metric, before: Vectors, after: Vectors) -> bool:
    one, other = metric.measure(before), metric.measure(after)
    return not abs(one - other) <= RESOLUTION and not (math.isnan(one) and math.isnan(other))


def _neighbours_changed(one: Floats, other: Floats) -> int:
    """Count the texts whose nearest others, ties within 1e-6 included, are none of those before."""
    changed = 0
    for (rows, before), (_, after) in zip(cosine_steps(one), cosine_steps(other), strict=True):
        own = np.arange(len(one))[rows]
        nearest = []
        for steps in (before, after):
            rest = steps.copy()
            rest[np.arange(len(own)), own] = np.iinfo(rest.dtype).min
            nearest.append(rest == rest.max(axis=1, keepdims=True))
        changed += int((~(nearest[0] & nearest[1]).any(axis=1)).sum())
    return changed
