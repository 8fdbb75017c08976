"""Rank correlation, and measures of a ranking.

The order of the input never decides a tie. Each measure is its expectation over all orders of the tied
passages, so a model that gives all passages the same score gets what chance gets. A NaN score makes the
measure NaN.

- Spearman's rank correlation: Pearson's of the midranks; NaN where either side is constant
- nDCG@k (Jarvelin & Kekalainen 2002, https://doi.org/10.1145/582415.582418): gain / log2(rank + 1)
  summed over the first k, over its largest possible value; ties as in McSherry & Najork 2008
  (https://doi.org/10.1007/978-3-540-78646-7_38)
- recall@k: share of the relevant passages among the first k
- reciprocal rank: 1 / rank of the first relevant passage; its mean over queries is MRR
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.retrieval import Retrieval

__all__ = [
    "Passages",
    "Ranks",
    "centred",
    "cosines_by_query",
    "midranks",
    "ndcg",
    "ndcg_of_beir",
    "rank",
    "recall",
    "reciprocal_ranks",
    "scores_by_query",
    "spearman",
    "spearman_by_row",
]

Floats = NDArray[np.float64]
_BELOW = -2.0  # every cosine
_NEVER = 1e9  # the rank of a passage that is not there
_SCORES = 1 << 23  # cosines in memory at a time, unless one query has more
_DECIMALS = 6  # of scores: equal vectors tie, in whatever order a BLAS adds


def midranks(values: Floats) -> Floats:
    """Return the ranks from 1 in each row of (..., N); equal values share the mean of theirs."""
    order = np.argsort(values, axis=-1)
    ascending = np.take_along_axis(values, order, axis=-1)
    place = np.arange(1, values.shape[-1] + 1)
    edge = np.ones_like(ascending, dtype=bool)  # the first of equal values
    edge[..., 1:] = ascending[..., 1:] != ascending[..., :-1]
    first = np.maximum.accumulate(np.where(edge, place, 0), axis=-1)
    edge = np.concatenate([edge[..., 1:], np.ones_like(edge[..., :1])], axis=-1)  # the last of them
    last = np.minimum.accumulate(np.where(edge, place, len(place))[..., ::-1], axis=-1)[..., ::-1]
    ranks = np.empty(values.shape)
    np.put_along_axis(ranks, order, (first + last) / 2, axis=-1)
    return ranks


def spearman(one: Floats, other: Floats) -> float:
    """Return the rank correlation of (N,) and (N,), from -1 to 1; NaN of fewer than two."""
    return float(spearman_by_row(one[None], other[None])[0])


def spearman_by_row(one: Floats, other: Floats) -> Floats:
    """Return the rank correlation of each row of (K, N) and (K, N): (K,). NaN of what is not finite."""
    x, y = (centred(midranks(values)) for values in (one, other))
    finite = np.isfinite(one).all(axis=1) & np.isfinite(other).all(axis=1)
    scale = np.sqrt((x * x).sum(axis=1) * (y * y).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(finite & (scale > 0), (x * y).sum(axis=1) / scale, np.nan)


def centred(ranks: Floats) -> Floats:
    """Subtract the mean of N ranks from (..., N). All numbers are halves, so sums of products are exact."""
    return np.asarray(ranks - (ranks.shape[-1] + 1) / 2)


class Blocks(Protocol):
    """Passages of which one block (p, D) is in memory at a time, P in all."""

    def __len__(self) -> int:
        """P."""

    def __iter__(self) -> Iterator[NDArray[np.floating]]:
        """Yield the blocks."""


Passages = NDArray[np.floating] | Blocks


@dataclass(frozen=True)
class Ranks:
    """The ranks of R judged passages: ``before`` (R,) passages have a higher score, ``tied`` (R,) the same.

    ``tied`` includes the passage itself. Both are NaN if its score is NaN.
    """

    before: Floats
    tied: Floats


def rank(queries: NDArray[np.floating], passages: Passages, retrieval: Retrieval) -> Ranks:
    """Rank P passages (P, D) by their cosine with each of Q queries (Q, D), and look up the judged ones.

    The passage that is a query's own text comes last in its ranking.
    """
    before, tied = np.empty(len(retrieval.gains)), np.empty(len(retrieval.gains))
    by_query = np.argsort(retrieval.query_rows, kind="stable")
    ends = np.searchsorted(retrieval.query_rows[by_query], np.arange(len(queries) + 1))
    for row, scores in enumerate(scores_by_query(queries, passages, retrieval)):
        judged = by_query[ends[row] : ends[row + 1]]
        before[judged], tied[judged] = look_up(scores, retrieval.passage_rows[judged])
    return Ranks(before, tied)


def cosines_by_query(queries: NDArray[np.floating], passages: Passages) -> Iterator[Floats]:
    """Yield each query's cosines with all passages (P,).

    Memory holds the cosines of a few queries. Of passages in blocks it holds one block at a time.
    """
    blocks = [passages] if isinstance(passages, np.ndarray) else passages
    together = max(1, _SCORES // max(1, len(passages)))
    for start in range(0, len(queries), together):
        some = queries[start : start + together]
        yield from np.concatenate([_cosines(some, block) for block in blocks], axis=1)


def _cosines(queries: NDArray[np.floating], block: NDArray[np.floating]) -> Floats:
    """Return the cosines (q, p) of some queries with some passages."""
    lengths = np.linalg.norm(block, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = [(block @ query).astype(np.float64) / lengths / np.linalg.norm(query) for query in queries]
    return np.asarray(np.round(rows, _DECIMALS))


def scores_by_query(
    queries: NDArray[np.floating], passages: Passages, retrieval: Retrieval
) -> Iterator[Floats]:
    """Yield each query's cosines with all passages (P,). That with its own text is below all others."""
    for row, scores in enumerate(cosines_by_query(queries, passages)):
        if row in retrieval.own and np.isfinite(scores[retrieval.own[row]]):
            scores[retrieval.own[row]] = _BELOW
        yield scores


def look_up(scores: Floats, rows: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return how many of all scores (P,) are above those of the rows (R,), and how many equal."""
    if not np.isfinite(scores).all():
        return np.full(len(rows), np.nan), np.full(len(rows), np.nan)
    ascending = np.sort(scores)
    left = np.searchsorted(ascending, scores[rows], side="left")
    right = np.searchsorted(ascending, scores[rows], side="right")
    return (len(scores) - right).astype(np.float64), (right - left).astype(np.float64)


def ndcg(ranks: Ranks, retrieval: Retrieval, k: int = 10) -> Floats:
    """Return each query's nDCG@k: (Q,)."""
    queries = len(retrieval.queries)
    dcg = np.bincount(retrieval.query_rows, weights=retrieval.gains * discounts(ranks, k), minlength=queries)
    return np.asarray(dcg / ideal_dcg(retrieval, k))


def ndcg_of_beir(ranks: Ranks, retrieval: Retrieval, k: int = 10) -> float:
    """Return the mean nDCG@k as BEIR and mteb count it: passages that the corpus lacks are never found."""
    missing = retrieval.missing
    lost = int(missing.query_rows.max(initial=-1)) + 1 - len(retrieval.queries)
    whole = replace(
        retrieval,
        queries=(*retrieval.queries, *[""] * lost),
        query_rows=np.concatenate([retrieval.query_rows, missing.query_rows]),
        gains=np.concatenate([retrieval.gains, missing.gains]),
    )
    never = np.full(len(missing.gains), _NEVER)
    before, tied = np.concatenate([ranks.before, never]), np.concatenate([ranks.tied, np.ones(len(never))])
    return float(ndcg(Ranks(before, tied), whole, k).mean())


def ideal_dcg(retrieval: Retrieval, k: int) -> Floats:
    """Return the largest DCG@k that each query could have: (Q,)."""
    best = np.zeros(len(retrieval.queries))
    order = np.lexsort((-retrieval.gains, retrieval.query_rows))
    place = np.zeros(len(best), dtype=np.int64)
    for row in order:
        query = retrieval.query_rows[row]
        place[query] += 1
        if place[query] <= k:
            best[query] += retrieval.gains[row] / np.log2(place[query] + 1)
    return best


def discounts(ranks: Ranks, k: int) -> Floats:
    """Return 1 / log2(rank + 1), 0 past k, averaged over the places that ties could take: (R,)."""
    return _mean_over_ties(ranks, 1 / np.log2(np.arange(1, k + 1) + 1))


def recall(ranks: Ranks, retrieval: Retrieval, k: int = 10) -> Floats:
    """Return each query's recall@k: (Q,)."""
    found = _mean_over_ties(ranks, np.ones(k))
    queries = len(retrieval.queries)
    relevant = np.bincount(retrieval.query_rows, minlength=queries)
    return np.asarray(np.bincount(retrieval.query_rows, weights=found, minlength=queries) / relevant)


def _mean_over_ties(ranks: Ranks, value: Floats) -> Floats:
    """Average a value of the first k places (k,) over the places that each passage could take: (R,)."""
    if not np.isfinite(ranks.before).all():
        bad = ~np.isfinite(ranks.before)
        known = Ranks(np.where(bad, 0, ranks.before), np.where(bad, 1, ranks.tied))
        return np.where(bad, np.nan, _mean_over_ties(known, value))
    total = np.concatenate([[0.0], np.cumsum(value)])
    first = np.minimum(ranks.before, len(value)).astype(np.int64)
    last = np.minimum(ranks.before + ranks.tied, len(value)).astype(np.int64)
    return np.asarray((total[last] - total[first]) / ranks.tied)


def reciprocal_ranks(ranks: Ranks, retrieval: Retrieval) -> Floats:
    """Return each query's expected reciprocal rank of its first relevant passage: (Q,)."""
    found = np.empty(len(retrieval.queries))
    for query in range(len(found)):
        of = retrieval.query_rows == query
        before, tied = ranks.before[of], ranks.tied[of]
        if not np.isfinite(before).all():
            found[query] = np.nan
            continue
        first = before.argmin()
        found[query] = _first_of(int(before[first]), int(tied[first]), int((before == before[first]).sum()))
    return found


def _first_of(before: int, tied: int, relevant: int) -> float:
    """Expect 1 / rank of the first of ``relevant`` among ``tied`` passages that stand after ``before``."""
    places = np.arange(1, tied - relevant + 2)
    # P(first at j + 1) / P(first at j) = (tied - j - relevant + 1) / (tied - j)
    steps = (tied - places[:-1] - relevant + 1) / (tied - places[:-1])
    chance = relevant / tied * np.concatenate([[1.0], np.cumprod(steps)])
    return float(chance @ (1 / (before + places)))
