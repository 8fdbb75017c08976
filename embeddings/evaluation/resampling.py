"""Is it better than chance, and is it surely worse than another: permutation and bootstrap, seeded.

A permutation test (Phipson & Smyth 2010, https://doi.org/10.2202/1544-6115.1585) puts the labels on
other items at random; p = (1 + permutations that do as well) / (1 + permutations), never 0.

The paired bootstrap (Efron & Tibshirani 1993, ch. 16) draws the items with replacement, the same for both
models. ``surely_worse`` is the lower end of the one-sided 99.9 % interval of (other - one): by so much
one is worse than the other, whatever texts had been drawn; 0 where it need not be worse at all.

Sets of more than SAMPLE items are judged by a seeded sample of them: less power, no false alarm.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.evaluation.labelled import Pairs
from embeddings.evaluation.ranking import (
    Ranks,
    cosines_by_query,
    discounts,
    ideal_dcg,
    look_up,
    midranks,
    spearman,
)
from embeddings.evaluation.retrieval import Retrieval
from embeddings.evaluation.similarity import (
    auc_of_counts,
    cosine_steps,
    nearest_neighbour_hits,
    of_topics,
    unit,
)

__all__ = [
    "PERMUTATIONS",
    "band",
    "chance_of_pairs",
    "chance_of_retrieval",
    "chance_of_topics",
    "draw_aucs",
    "draw_hits",
    "draw_means",
    "draw_spearman",
    "draw_weights",
    "surely_worse",
]

Floats = NDArray[np.float64]
PERMUTATIONS = DRAWS = 1999
SAMPLE = 300
SURE = 0.001


def p_value(measured: float, by_chance: Floats) -> float:
    """Return how often chance does as well; 1 where the measurement is NaN."""
    return float((1 + np.count_nonzero(~(by_chance < measured))) / (1 + len(by_chance)))


def sample(items: int, most: int = SAMPLE) -> NDArray[np.int64]:
    """Pick the items to judge by: all, or a seeded sample in ascending order."""
    if items <= most:
        return np.arange(items)
    return np.sort(np.random.default_rng(0).choice(items, most, replace=False))


def chance_of_topics(vectors: NDArray[np.floating], categories: Sequence[str]) -> float:
    """Return p of the topic AUC when categories are put on other texts."""
    rows = np.flatnonzero(of_topics(categories))
    rows = rows[sample(len(rows))]
    names = np.array(categories)[rows]
    units = unit(np.asarray(vectors)[rows])
    if not np.isfinite(units).all():
        return 1.0
    steps = np.concatenate([block for _, block in cosine_steps(units)])
    upper = np.triu_indices(len(rows), 1)
    ranks = np.zeros(steps.shape)
    ranks[upper] = midranks(steps[upper].astype(np.float64))
    # With the number of pairs of either kind fixed, AUC rises and falls with this sum.
    draw = np.random.default_rng(0)
    orders = [np.arange(len(rows)), *(draw.permutation(len(rows)) for _ in range(PERMUTATIONS))]
    sums = np.array([ranks[names[order, None] == names[order]].sum() for order in orders])
    return p_value(sums[0], sums[1:])


def chance_of_pairs(cosines: Floats, pairs: Pairs) -> float:
    """Return p of Spearman's correlation when grades are put on other pairs."""
    draw = np.random.default_rng(0)
    by_chance = [spearman(cosines, draw.permutation(pairs.grades)) for _ in range(PERMUTATIONS)]
    return p_value(spearman(cosines, pairs.grades), np.array(by_chance))


def chance_of_retrieval(
    queries: NDArray[np.floating], passages: NDArray[np.floating], retrieval: Retrieval, k: int = 10
) -> float:
    """Return p of nDCG@k when rankings are put on other queries."""
    chosen = sample(len(queries))
    judgements = np.isin(retrieval.query_rows, chosen)
    query_of = np.searchsorted(chosen, retrieval.query_rows[judgements])
    passage_rows, gains = retrieval.passage_rows[judgements], retrieval.gains[judgements]
    ideal = ideal_dcg(retrieval, k)[chosen]
    found = np.empty((len(chosen), len(chosen)))  # nDCG of each query by each query's ranking
    for column, scores in enumerate(cosines_by_query(queries[chosen], passages)):
        worth = gains * discounts(Ranks(*look_up(scores, passage_rows)), k)
        found[:, column] = np.bincount(query_of, weights=worth, minlength=len(chosen)) / ideal
    draw = np.random.default_rng(0)
    rows = np.arange(len(chosen))
    by_chance = [found[rows, draw.permutation(rows)].mean() for _ in range(PERMUTATIONS)]
    return p_value(float(found.diagonal().mean()), np.array(by_chance))


def draw_weights(items: int) -> Floats:
    """Draw how often each item counts in each of DRAWS bootstrap samples: (DRAWS, N)."""
    return np.random.default_rng(0).multinomial(items, np.full(items, 1 / items), DRAWS).astype(np.float64)


def draw_aucs(vectors: NDArray[np.floating], categories: Sequence[str]) -> Floats:
    """Return the topic AUC of each bootstrap sample of the texts: (DRAWS,)."""
    rows = np.flatnonzero(of_topics(categories))
    rows = rows[sample(len(rows))]
    units, names = unit(np.asarray(vectors)[rows]), np.array(categories)[rows]
    if not np.isfinite(units).all():
        return np.full(DRAWS, np.nan)
    steps = np.concatenate([block for _, block in cosine_steps(units)])
    one, other = np.triu_indices(len(rows), 1)
    values, bins = np.unique(steps[one, other], return_inverse=True)
    same = names[one] == names[other]
    found = []
    for weights in draw_weights(len(rows)):
        pairs = weights[one] * weights[other]
        alike = np.bincount(bins, pairs * same, minlength=len(values))
        unlike = np.bincount(bins, pairs * ~same, minlength=len(values))
        found.append(auc_of_counts(same=alike.astype(np.float64), different=unlike.astype(np.float64)))
    return np.array(found)


def draw_means(items: Floats) -> Floats:
    """Return the mean of each bootstrap sample of items (N,): (DRAWS,)."""
    return np.asarray(draw_weights(len(items)) @ items / len(items))


def draw_hits(vectors: NDArray[np.floating], categories: Sequence[str]) -> Floats:
    """Return the nearest-neighbour accuracy of each bootstrap sample of the anchor texts: (DRAWS,)."""
    hits = nearest_neighbour_hits(vectors, categories)
    return draw_means(hits[sample(len(hits), 10 * SAMPLE)])


def draw_spearman(cosines: Floats, pairs: Pairs) -> Floats:
    """Return Spearman's correlation of each bootstrap sample of the pairs: (DRAWS,)."""
    rows = sample(len(cosines), 10 * SAMPLE)
    draw = np.random.default_rng(0)
    samples = (draw.choice(rows, len(rows)) for _ in range(DRAWS))
    return np.array([spearman(cosines[chosen], pairs.grades[chosen]) for chosen in samples])


def surely_worse(one: Floats, other: Floats) -> float:
    """Return by how much one is surely worse than the other, from the same draws of both (DRAWS,)."""
    return float(np.maximum(np.quantile(other - one, SURE), 0))  # NaN stays NaN


def band(draws: Floats) -> tuple[float, float]:
    """Return the middle 95 % of the draws (DRAWS,)."""
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)
