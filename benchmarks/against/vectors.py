"""What became of the vectors of the gate's texts from one tree to the other. None of it is red: the gate is.

"Identical" is said of equal bits alone. A metric is listed where it moved, however little; the interval of
its change is the paired bootstrap's (resampling), and one that holds 0 may be the texts' doing.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, cast

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics import resampling
from embedding_gate.metrics.ranking import ndcg, rank, spearman
from embedding_gate.metrics.similarity import (
    anisotropy,
    cohesion,
    cosine_steps,
    nearest_neighbour_hits,
    separation,
    topic_auc,
    unit,
)
from embedding_gate.subjects.embedded import embed_part
from embedding_gate.subjects.live import Sets
from embedding_gate.subjects.protocols import Encoder

__all__ = ["Moved", "VectorChange", "change", "vectors_of"]

RESOLUTION = 1e-6  # of a metric, as of a cosine
Floats = NDArray[np.float64]
Vectors = Sequence[NDArray[Any]]  # (n, D) of the topics, both sides of the pairs, queries and passages


@dataclass(frozen=True)
class Moved:
    """A metric before and after, and the middle 95 % of the change when the texts are drawn anew."""

    metric: str
    before: float
    after: float
    low: float
    high: float


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


def vectors_of(encoder: Any, sets: Sets) -> list[NDArray[Any]]:
    """Encode the texts of all sets, each part with the prompt of its role."""
    parts = [part for of in (sets.topics, sets.pairs, sets.retrieval) for part in of.parts]
    return [embed_part(cast("Encoder", encoder), part) for part in parts]


def change(before: Vectors, after: Vectors, sets: Sets) -> VectorChange:
    """Compare two trees' vectors of the texts of all sets."""
    texts = sum(map(len, before))
    if all(_same_bits(one, other) for one, other in zip(before, after, strict=True)):
        return VectorChange(True, texts, 1.0, "", (), 0)  # noqa: FBT003
    found = (
        (name, metric, metric.measure(before), metric.measure(after))
        for name, metric in _metrics(sets).items()
    )
    moved = tuple(
        Moved(name, one, other, *resampling.band(metric.draws(after) - metric.draws(before)))
        for name, metric, one, other in found
        if not abs(one - other) <= RESOLUTION and not (math.isnan(one) and math.isnan(other))
    )
    least, worst, neighbours = math.nan, "their lengths differ", None
    if before[0].shape[1] == after[0].shape[1]:
        one, other = (unit(np.concatenate(list(parts))) for parts in (before, after))
        cosines = (one * other).sum(axis=1)
        row = int(np.argmin(np.where(np.isnan(cosines), -np.inf, cosines)))
        least, worst = float(cosines[row]), _name(row, sets)
        if np.isfinite(one).all() and np.isfinite(other).all():
            neighbours = _neighbours_changed(one, other)
    return VectorChange(False, texts, least, worst, moved, neighbours)  # noqa: FBT003


def _same_bits(one: NDArray[Any], other: NDArray[Any]) -> bool:
    return one.shape == other.shape and one.dtype == other.dtype and one.tobytes() == other.tobytes()


class _Metric(NamedTuple):
    """What gives a metric of vectors, and what gives it for each bootstrap sample of the texts: (DRAWS,)."""

    measure: Callable[[Vectors], float]
    draws: Callable[[Vectors], Floats]


def _metrics(sets: Sets) -> dict[str, _Metric]:
    """Return the metrics by name. Draws are the same for whatever vectors: what makes two trees' paired."""
    categories, pairs, retrieval = sets.topics.categories, sets.pairs, sets.retrieval
    weights = resampling.draw_weights(len(categories))

    def weighed(measure: Callable[..., float]) -> _Metric:
        return _Metric(
            lambda v: measure(v[0]), lambda v: np.array([measure(v[0], weights=row) for row in weights])
        )

    def averaged(items: Callable[[Vectors], Floats]) -> _Metric:
        return _Metric(lambda v: float(items(v).mean()), lambda v: resampling.draw_means(items(v)))

    def cosines(v: Vectors) -> Floats:
        return np.asarray((unit(v[1]) * unit(v[2])).sum(axis=1))

    return {
        "topic auc": _Metric(
            lambda v: topic_auc(v[0], categories), lambda v: resampling.draw_aucs(v[0], categories)
        ),
        "nearest neighbour": averaged(lambda v: nearest_neighbour_hits(v[0], categories)),
        "cohesion": weighed(partial(cohesion, categories=categories)),
        "separation": weighed(partial(separation, categories=categories)),
        "anisotropy": weighed(anisotropy),
        "pairs (Spearman)": _Metric(
            lambda v: spearman(cosines(v), pairs.grades),
            lambda v: resampling.draw_spearman(cosines(v), pairs),
        ),
        "retrieval (nDCG@10)": averaged(lambda v: ndcg(rank(v[3], v[4], retrieval), retrieval)),
    }


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


def _name(row: int, sets: Sets) -> str:
    """Name a text by its set and number."""
    for of in (sets.topics, sets.pairs, sets.retrieval):
        for part in of.parts:
            if row < part.count:
                return f"{part.name} {row + 1}"
            row -= part.count
    return "none"
