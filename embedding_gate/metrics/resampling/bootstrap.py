"""The paired bootstrap: whether one model is surely worse than another.

It (Efron & Tibshirani 1993, ch. 16) draws the items with replacement, the same for both models.
``surely_worse`` is the lower end of the one-sided 99.9 % interval of (other - one). One model is worse by at
least that much, whichever texts are drawn. It is 0 if the model may not be worse at all. A draw without
anything to compare (only one category, only one grade) is left out.
"""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import Pairs
from embedding_gate.metrics.ranking import spearman_by_row
from embedding_gate.metrics.resampling.sampling import Floats, sample, sample_of_topics
from embedding_gate.metrics.similarity import auc_of_counts, cosine_steps, nearest_neighbour_hits, unit

__all__ = [
    "DRAWS",
    "SURE",
    "band",
    "draw_aucs",
    "draw_hits",
    "draw_means",
    "draw_spearman",
    "draw_weights",
    "surely_worse",
]

DRAWS = 1999
SURE = 0.001
_AT_ONCE = 1 << 18  # ranks in memory at a time


def draw_weights(items: int) -> Floats:
    """Draw how often each item counts in each of DRAWS bootstrap samples: (DRAWS, N)."""
    return _weights(items, DRAWS)


@lru_cache(maxsize=4)
def _weights(items: int, draws: int) -> Floats:
    """Draw them once for all figures of a set."""
    found = np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), draws).astype(np.float64)
    found.flags.writeable = False
    return found


def draw_aucs(vectors: NDArray[np.floating], categories: Sequence[str]) -> Floats:
    """Return the topic AUC of each bootstrap sample of the texts: (DRAWS,)."""
    rows = sample_of_topics(categories)
    units, names = unit(np.asarray(vectors)[rows]), np.array(categories)[rows]
    if not np.isfinite(units).all():
        return np.full(DRAWS, np.nan)
    steps = np.concatenate([block for _, block in cosine_steps(units)])
    one, other = np.triu_indices(len(rows), 1)
    values, bins = np.unique(steps[one, other], return_inverse=True)
    kinds = 2 * bins + (names[one] == names[other])  # a bin of each cosine for each kind of pair
    found = []
    for weights in draw_weights(len(rows)):
        counted = np.bincount(kinds, weights[one] * weights[other], minlength=2 * len(values))
        counts = counted.astype(np.float64)
        found.append(auc_of_counts(same=counts[1::2], different=counts[::2]))
    return np.array(found)


def draw_means(items: Floats) -> Floats:
    """Return the mean of each bootstrap sample of items (N,): (DRAWS,)."""
    items = items[sample(len(items))]
    return np.asarray(draw_weights(len(items)) @ items / len(items))


def draw_hits(vectors: NDArray[np.floating], categories: Sequence[str]) -> Floats:
    """Return the nearest-neighbour accuracy of each bootstrap sample of the anchor texts: (DRAWS,)."""
    return draw_means(nearest_neighbour_hits(vectors, categories))


def draw_spearman(cosines: Floats, pairs: Pairs) -> Floats:
    """Return Spearman's correlation of each bootstrap sample of the pairs: (DRAWS,)."""
    rows = sample(len(cosines))
    draw = np.random.default_rng(0)
    samples = np.array([draw.choice(rows, len(rows)) for _ in range(DRAWS)])
    some = np.array_split(samples, -(-samples.size // _AT_ONCE))
    return np.concatenate([spearman_by_row(cosines[drawn], pairs.grades[drawn]) for drawn in some])


def surely_worse(one: Floats, other: Floats) -> float:
    """Return by how much one is surely worse than the other, from the same draws of both (DRAWS,).

    NaN if only one of the two is defined in some draw, or if most draws are undefined.
    """
    compared = ~(np.isnan(one) & np.isnan(other))
    if compared.mean() < 0.5:
        return math.nan
    return float(np.maximum(np.quantile((other - one)[compared], SURE), 0))  # NaN stays NaN


def band(draws: Floats) -> tuple[float, float]:
    """Return the middle 95 % of the draws (DRAWS,)."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
