"""Metrics of two models' vectors of the same texts, with the paired interval of their change.

The interval is that of the paired bootstrap (resampling). An interval that holds 0 may be the texts' doing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.sets import Sets
from embedding_gate.metrics import resampling
from embedding_gate.metrics.ranking import ndcg, rank, spearman
from embedding_gate.metrics.similarity import (
    anisotropy,
    cohesion,
    nearest_neighbour_hits,
    separation,
    topic_auc,
    unit,
)

__all__ = [
    "RESOLUTION",
    "Metric",
    "Moved",
    "Vectors",
    "beside",
    "cosine_metrics",
    "quality_metrics",
    "too_few",
]

RESOLUTION = 1e-6  # of a metric, as of a cosine
Floats = NDArray[np.float64]
Vectors = Sequence[NDArray[Any]]  # (n, D) of the topics, both sides of the pairs, queries and passages


@dataclass(frozen=True)
class Moved:
    """A metric before and after.

    low, high: the middle 95 % of the change when the texts are resampled.
    surely_worse: by how much it fell at least, whichever texts are drawn (one-sided 99.9 %); 0 if it may not
        have fallen at all. It means nothing of a metric of which more is not better.
    """

    metric: str
    before: float
    after: float
    low: float
    high: float
    surely_worse: float = 0.0


class Metric(NamedTuple):
    """What gives a metric of vectors, and what gives it for each bootstrap sample of the texts: (DRAWS,)."""

    measure: Callable[[Vectors], float]
    draws: Callable[[Vectors], Floats]


def beside(name: str, metric: Metric, before: Vectors, after: Vectors) -> Moved:
    """Measure a metric of two models' vectors, with the interval of its change."""
    one, other = metric.draws(before), metric.draws(after)
    return Moved(
        name,
        metric.measure(before),
        metric.measure(after),
        *resampling.band(other - one),
        surely_worse=resampling.surely_worse(other, one),
    )


def quality_metrics(sets: Sets) -> Mapping[str, Metric]:
    """Return the metrics of which more is better, by name. Draws are the same for whatever vectors."""
    categories, pairs, retrieval = sets.topics.categories, sets.pairs, sets.retrieval

    def averaged(items: Callable[[Vectors], Floats]) -> Metric:
        return Metric(lambda v: float(items(v).mean()), lambda v: resampling.draw_means(items(v)))

    def cosines(v: Vectors) -> Floats:
        return np.asarray((unit(v[1]) * unit(v[2])).sum(axis=1))

    return {
        "topic auc": Metric(
            lambda v: topic_auc(v[0], categories), lambda v: resampling.draw_aucs(v[0], categories)
        ),
        "nearest neighbour": averaged(lambda v: nearest_neighbour_hits(v[0], categories)),
        "pairs (Spearman)": Metric(
            lambda v: spearman(cosines(v), pairs.grades),
            lambda v: resampling.draw_spearman(cosines(v), pairs),
        ),
        "retrieval (nDCG@10)": averaged(lambda v: ndcg(rank(v[3], v[4], retrieval), retrieval)),
    }


def too_few(sets: Sets) -> set[str]:
    """Name the quality metrics of sets so small that no vectors would be surely better than chance."""
    least = {
        "topic auc": resampling.least_p_of_topics(sets.topics.categories),
        "nearest neighbour": resampling.least_p_of_topics(sets.topics.categories),
        "pairs (Spearman)": resampling.least_p(sets.pairs.grades.tolist()),
        "retrieval (nDCG@10)": resampling.least_p_of_retrieval(sets.retrieval),
    }
    return {name for name, p in least.items() if p > resampling.SURE}


def cosine_metrics(sets: Sets) -> Mapping[str, Metric]:
    """Return the metrics of which neither more nor less is better, by name."""
    categories = sets.topics.categories
    weights = resampling.draw_weights(len(categories))

    def weighed(measure: Callable[..., float]) -> Metric:
        return Metric(
            lambda v: measure(v[0]), lambda v: np.array([measure(v[0], weights=row) for row in weights])
        )

    return {
        "cohesion": weighed(partial(cohesion, categories=categories)),
        "separation": weighed(partial(separation, categories=categories)),
        "anisotropy": weighed(anisotropy),
    }
