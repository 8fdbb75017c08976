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
        counts = np.bincount(kinds, weights[one] * weights[other], minlength=2 * len(values))
        found.append(auc_of_counts(same=counts[1::2].copy(), different=counts[::2].copy()))
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
    if not np.isfinite(cosines[rows]).all():
        return np.full(DRAWS, np.nan)
    draw = np.random.default_rng(0)
    samples = (draw.choice(len(rows), len(rows)) for _ in range(DRAWS))
    counts = np.stack([np.bincount(chosen, minlength=len(rows)) for chosen in samples]).astype(np.float64)
    one, other = (_midranks_of(of[rows], counts) - (len(rows) + 1) / 2 for of in (cosines, pairs.grades))
    scale = np.sqrt((counts * one * one).sum(axis=1) * (counts * other * other).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(scale > 0, (counts * one * other).sum(axis=1) / scale, np.nan))


def _midranks_of(values: Floats, counts: Floats) -> Floats:
    """Return each item's midrank in samples that hold it so often: (N,) and (DRAWS, N) -> (DRAWS, N)."""
    inverse = np.unique(values, return_inverse=True)[1]
    order = np.argsort(inverse, kind="stable")
    starts = np.searchsorted(inverse[order], np.arange(inverse.max() + 1))
    grouped = np.add.reduceat(counts[:, order], starts, axis=1)
    return np.asarray((np.cumsum(grouped, axis=1) - (grouped - 1) / 2)[:, inverse])


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
