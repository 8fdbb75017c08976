"""Permutation tests: whether a figure is better than chance.

A permutation test (Phipson & Smyth 2010, https://doi.org/10.2202/1544-6115.1585) gives the labels to other
items at random. p = (1 + permutations that do as well) / (1 + permutations), so p is never 0.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import OUTLIER, Pairs
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics.ranking import Ranks, centred, discounts, ideal_dcg, look_up, midranks
from embedding_gate.metrics.resampling.sampling import SAMPLE, Floats, sample, sample_of_topics
from embedding_gate.metrics.similarity import cosine_steps, of_topics, unit

__all__ = [
    "PERMUTATIONS",
    "chance_of_pairs",
    "chance_of_retrieval",
    "chance_of_texts",
    "chance_of_topics",
    "least_p",
    "least_p_of_retrieval",
    "least_p_of_texts",
    "least_p_of_topics",
]

PERMUTATIONS = 1999
_AT_ONCE = 1 << 18  # cosines in memory at a time


def p_value(measured: float, by_chance: Floats) -> float:
    """Return how often chance does as well. It is 1 if the measurement is NaN."""
    return float((1 + np.count_nonzero(~(by_chance < measured))) / (1 + len(by_chance)))


def chance_of_topics(vectors: NDArray[np.floating], categories: Sequence[str]) -> float:
    """Return p of the topic AUC: how often shuffled categories do as well."""
    rows = sample_of_topics(categories)
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
    """Return p of Spearman's correlation: how often shuffled grades do as well."""
    rows = sample(len(cosines))
    if not np.isfinite(cosines[rows]).all():
        return 1.0
    found, grades = (centred(midranks(values[rows])) for values in (cosines, pairs.grades))
    draw = np.random.default_rng(0)
    # The ranks are the same in each order, so the correlation rises and falls with this sum.
    by_chance = [found @ draw.permutation(grades) for _ in range(PERMUTATIONS)]
    return p_value(float(found @ grades), np.array(by_chance))


def chance_of_retrieval(scores: Iterable[Floats], retrieval: Retrieval, k: int = 10) -> float:
    """Return p of nDCG@k: how often exchanged rankings do as well. scores: (P,) for each query in turn."""
    chosen = sample(len(retrieval.queries), SAMPLE)
    judgements = np.isin(retrieval.query_rows, chosen)
    query_of = np.searchsorted(chosen, retrieval.query_rows[judgements])
    passage_rows, gains = retrieval.passage_rows[judgements], retrieval.gains[judgements]
    ideal = ideal_dcg(retrieval, k)[chosen]
    found = np.empty((len(chosen), len(chosen)))  # nDCG of each query by each query's ranking
    wanted = set(chosen.tolist())
    ranked = (of for query, of in enumerate(scores) if query in wanted)
    for column, of in enumerate(ranked):
        worth = gains * discounts(Ranks(*look_up(of, passage_rows)), k)
        found[:, column] = np.bincount(query_of, weights=worth, minlength=len(chosen)) / ideal
    draw = np.random.default_rng(0)
    rows = np.arange(len(chosen))
    by_chance = [found[rows, draw.permutation(rows)].mean() for _ in range(PERMUTATIONS)]
    return p_value(float(found.diagonal().mean()), np.array(by_chance))


def least_p(labels: Sequence[Hashable], *, names_matter: bool = True) -> float:
    """Return the p of a perfect model: one over the number of ways to shuffle these labels.

    If it is above the threshold, the set is too small: no vectors would be surely better than chance.

    names_matter: False if exchanging two labels of equally many items changes nothing (topics), True for
    grades.
    """
    sizes = list(Counter(labels).values())
    alike = [] if names_matter else list(Counter(sizes).values())
    ways = math.lgamma(len(labels) + 1) - sum(math.lgamma(size + 1) for size in [*sizes, *alike])
    return math.exp(-ways)


def least_p_of_topics(categories: Sequence[str]) -> float:
    """Return the p of vectors that separate the topics perfectly."""
    return least_p([category for category in categories if category != OUTLIER], names_matter=False)


def least_p_of_retrieval(retrieval: Retrieval) -> float:
    """Return the p of perfect rankings."""
    judged: dict[int, list[tuple[int, float]]] = {}
    rows = zip(retrieval.query_rows, retrieval.passage_rows, retrieval.gains, strict=True)
    for query, passage, gain in rows:
        judged.setdefault(int(query), []).append((int(passage), float(gain)))
    return least_p([tuple(sorted(of)) for of in judged.values()])


def least_p_of_texts(categories: Sequence[str]) -> float:
    """Return the p of perfect agreement: one over the number of orders within categories."""
    return math.exp(-sum(math.lgamma(size + 1) for size in Counter(categories).values()))


def chance_of_texts(
    vectors: NDArray[np.floating], other: NDArray[np.floating], categories: Sequence[str]
) -> dict[str, float]:
    """Return p of the agreement with another model: how often exchanged texts agree as well.

    Mantel's test (1967, Cancer Research 27:209): the sum of the products of the two models' cosines, for the
    texts as they are and after texts were exchanged. The key "" is for all categories together. The other
    keys are for one category of eight texts or more. The test finds vectors that belong to other texts of the
    same topic, which no figure of whole topics can see.
    """
    rows = np.sort(
        np.concatenate([sample_of_topics(categories), np.flatnonzero(~of_topics(categories))[:SAMPLE]])
    )
    names = np.array(categories)[rows]
    one, two = (unit(np.asarray(v)[rows]) for v in (vectors, other))
    if not (np.isfinite(one).all() and np.isfinite(two).all()):
        return {"": 1.0}
    c, d = one @ one.T, two @ two.T
    members = {name: np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())}
    draw = np.random.default_rng(0)
    orders = np.tile(np.arange(len(rows)), (PERMUTATIONS + 1, 1))
    for order in orders[1:]:
        for of in members.values():
            order[of] = draw.permutation(of)
    groups = {"": np.arange(len(rows)), **members}
    sums = np.stack([_sums_of_moved(c, d, of, orders[:, of]) for of in groups.values()], axis=1)
    sums = np.round(sums, 9)  # so that equal sums tie
    return {
        name: p_value(sums[0, k], sums[1:, k])
        for k, (name, of) in enumerate(groups.items())
        if not name or len(of) > 7
    }


def _sums_of_moved(c: Floats, d: Floats, of: NDArray[np.int64], moved: NDArray[np.int64]) -> Floats:
    """Return the summed products of two models' cosines where only some texts change places: (K,).

    c, d: (N, N) cosines of either model. of: (M,) numbers of the texts. moved: (K, M), each row an order of
    them. Pairs of two moved texts count once in each order, pairs of one twice, all others are constant.
    """
    own, other = c[np.ix_(of, of)], d[np.ix_(of, of)]
    beside = c[of] @ d[of].T - own @ other.T
    place = np.searchsorted(of, moved)
    outside = beside[np.arange(len(of)), place].sum(axis=1)
    few = np.array_split(place, -(-place.size * len(of) // _AT_ONCE))
    inside = [
        np.einsum("ij,kij->k", own, other[order[:, :, None], order[:, None, :]], optimize=True)
        for order in few
    ]
    return np.asarray(2 * outside + np.concatenate(inside))
