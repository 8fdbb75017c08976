"""How far a model's vectors lie from those of its origin: the model that it was fine-tuned or quantized from.

All of it is information. Vectors that moved are not wrong: a fine-tuned model is meant to move them.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.sets import Sets
from embedding_gate.metrics.paired import RESOLUTION, Moved, Vectors, beside, quality_metrics, too_few
from embedding_gate.metrics.ranking import cosines_by_query
from embedding_gate.metrics.vector_change import cosines_between, number

__all__ = ["NEAREST", "Drift", "drift", "kept_by_query", "neighbours_kept"]

NEAREST = 10  # passages of each query
SHOWN = 5  # texts whose vectors moved most


@dataclass(frozen=True)
class Drift:
    """How far vectors moved from the origin's, and which metrics rose or fell.

    median, low, least: of the cosines of each text's two vectors; low is their 1 % quantile. NaN where the
        two models' vectors have two lengths.
    most: name -> cosine of the texts that moved most.
    kept: the share of the passages nearest to a query that are so in both models; NaN of vectors that are not
        finite.
    too_few: metrics that are not among them, because their texts are too few to tell anything.
    """

    texts: int
    median: float
    low: float
    least: float
    most: Mapping[str, float]
    kept: float
    metrics: tuple[Moved, ...]
    too_few: tuple[str, ...] = ()

    @property
    def worst(self) -> Moved:
        """The metric that is surely worse by most; one that cannot be told comes first."""
        return max(self.metrics, key=lambda one: (math.isnan(one.surely_worse), one.surely_worse))

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        return {
            "texts": self.texts,
            **{name: number(getattr(self, name)) for name in ("median", "low", "least", "kept")},
            "most": {name: number(cosine) for name, cosine in self.most.items()},
            "metrics": [
                {"metric": one.metric}
                | {name: number(getattr(one, name)) for name in ("before", "after", "low", "high")}
                | {"surely_worse": number(one.surely_worse)}
                for one in self.metrics
            ],
        }

    def lines(self) -> list[str]:
        """Return what a reader should know."""
        if math.isnan(self.median) and not self.most:
            told = ["the two models' vectors have different lengths"]
        else:
            most = ", ".join(f"{name} {cosine:.7f}" for name, cosine in self.most.items())
            told = [
                f"cosine with the origin's vector: median {self.median:.7f}, 1 % quantile {self.low:.7f}, "
                f"least {self.least:.7f}",
                f"moved most: {most}",
            ]
        told.append(f"of the {NEAREST} passages nearest to a query, {self.kept:.1%} are the same")
        untold = [f"{name}: the texts are too few to tell" for name in self.too_few]
        return [*told, *map(_line, self.metrics), *untold]


def _line(one: Moved) -> str:
    found = f"{one.metric}: {one.before:.4f} -> {one.after:.4f}"
    if abs(one.after - one.before) <= RESOLUTION:
        return f"{found}, unchanged"
    if one.low <= 0 <= one.high:
        what = "may be chance"
    elif math.isnan(one.after - one.before):
        what = "cannot be told"
    else:
        what = "rose" if one.after > one.before else "fell"
    surely = f", surely by {one.surely_worse:.4f}" if one.surely_worse > 0 else ""
    return f"{found}, change {one.low:+.4f} to {one.high:+.4f}: {what}{surely}"


def drift(
    before: Vectors, after: Vectors, sets: Sets, *, ids: Sequence[str], of_texts: Sequence[NDArray[Any]]
) -> Drift:
    """Compare a model's vectors with its origin's.

    before, after: (n, D) of each part of the sets, by the origin and by the model.
    ids, of_texts: N more texts by name, and their vectors (N, D) by the origin and by the model.
    """
    few = tuple(sorted(too_few(sets)))
    metrics = tuple(
        beside(name, metric, before, after)
        for name, metric in quality_metrics(sets).items()
        if name not in few
    )
    kept = neighbours_kept(before[3:5], after[3:5])
    one, other = ([texts, *parts] for texts, parts in zip(of_texts, (before, after), strict=True))
    count = sum(map(len, one))
    if one[0].shape[1] != other[0].shape[1]:
        return Drift(count, math.nan, math.nan, math.nan, {}, kept, metrics, few)
    cosines = cosines_between(np.concatenate(one), np.concatenate(other))
    names, order = [*ids, *sets.names()], np.argsort(np.where(np.isnan(cosines), -np.inf, cosines))
    median, low = np.quantile(cosines, [0.5, 0.01])
    most = {names[row]: float(cosines[row]) for row in order[:SHOWN]}
    least = float(cosines[order[0]])
    return Drift(count, float(median), float(low), least, most, kept, metrics, few)


def neighbours_kept(before: Vectors, after: Vectors) -> float:
    """Return the share of the NEAREST passages of a query that both models have, averaged over the queries.

    before, after: queries (Q, D) and passages (P, D) each. Passages of the same cosine count in file order.
    """
    return float(kept_by_query(before, after).mean())


def kept_by_query(before: Vectors, after: Vectors) -> NDArray[np.float64]:
    """Return that share for each query: (Q,). NaN of vectors that are not finite."""
    if not all(np.isfinite(of).all() for of in (*before, *after)):
        return np.full(len(before[0]), math.nan)
    shares = []
    for one, other in zip(cosines_by_query(*before), cosines_by_query(*after), strict=True):
        nearest = [set(np.argsort(-scores, kind="stable")[:NEAREST].tolist()) for scores in (one, other)]
        shares.append(len(nearest[0] & nearest[1]) / len(nearest[0]))
    return np.array(shares)
