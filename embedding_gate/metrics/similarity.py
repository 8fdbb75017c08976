"""Metrics of cosines for texts by topic. Vectors are (N, D). They need not have length 1.

Definitions (u are the vectors scaled to length 1; the category "outlier" belongs to no topic):

- intra-category similarity: mean of u_i . u_j over ordered pairs i != j of a category
- cohesion: unweighted mean of the categories' intra-category similarities
- inter-category similarity: mean of u_i . u_j over pairs from two different categories
- separation: cohesion - inter-category similarity
- anisotropy: mean of u_i . u_j over all i != j, outliers included
- topic AUC: probability that a pair of one category has a higher cosine than a pair of two, ties half
  (the Mann-Whitney U statistic, scaled)
- nearest-neighbour accuracy: share of texts whose nearest other text has their category, ties shared out

``weights`` (N,) say how often each text counts, for the bootstrap. A text is never paired with itself. A
category
with one text has no pairs, so it has no intra-category similarity and no anchor for the nearest neighbour. A
vector that is zero or not finite makes every metric that uses it NaN, and NaN never passes a threshold.
Cosines are compared at a resolution of 1e-6, so that equal vectors tie, in whatever order a BLAS adds. Memory
is one block of cosines beside a float64 copy of the vectors.
"""

import unicodedata
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import OUTLIER

__all__ = [
    "anisotropy",
    "auc_of_counts",
    "cohesion",
    "cosine_steps",
    "folded",
    "inter_category_similarity",
    "intra_category_similarities",
    "mean_norm_error",
    "nearest_neighbour_hits",
    "of_topics",
    "separation",
    "shared_vectors",
    "topic_auc",
    "unit",
]

Floats = NDArray[np.float64]
STEPS = 1_000_000  # of a cosine, from 0 to 1
_CELLS = 1 << 20  # cosines in memory at a time


def unit(vectors: NDArray[np.floating]) -> Floats:
    """Scale to length 1 in float64; a vector of length 0 becomes NaN."""
    wide = np.asarray(vectors, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(wide / np.linalg.norm(wide, axis=1, keepdims=True))


def mean_norm_error(vectors: NDArray[np.floating]) -> float:
    """Return the larger of |mean - 1| and the standard deviation of the lengths."""
    lengths = np.linalg.norm(np.asarray(vectors, dtype=np.float64), axis=1)
    return float(np.maximum(abs(lengths.mean() - 1), lengths.std()))


def of_topics(categories: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the texts that belong to a topic: (N,)."""
    return np.array([category != OUTLIER for category in categories])


def intra_category_similarities(
    vectors: NDArray[np.floating], categories: Sequence[str], weights: Floats | None = None
) -> dict[str, float]:
    """Return category -> similarity, in the order in which categories first appear."""
    names, units = np.array(categories), unit(vectors)
    counts = np.ones(len(names)) if weights is None else weights
    found = {}
    for category in dict.fromkeys(categories):
        rows = names == category
        if category != OUTLIER and np.count_nonzero(counts[rows]) > 1:
            found[category] = _mean_cosine(units[rows], counts[rows])
    return found


def cohesion(
    vectors: NDArray[np.floating], categories: Sequence[str], weights: Floats | None = None
) -> float:
    """Return the mean of the categories' similarities, or NaN if no category has two texts."""
    found = list(intra_category_similarities(vectors, categories, weights).values())
    return float(np.mean(found)) if found else float("nan")


def separation(
    vectors: NDArray[np.floating], categories: Sequence[str], weights: Floats | None = None
) -> float:
    """Return cohesion minus inter-category similarity."""
    apart = inter_category_similarity(vectors, categories, weights)
    return cohesion(vectors, categories, weights) - apart


def inter_category_similarity(
    vectors: NDArray[np.floating], categories: Sequence[str], weights: Floats | None = None
) -> float:
    """Return the mean cosine of pairs from two categories, or NaN with one category."""
    rows = of_topics(categories)
    names, units = np.array(categories)[rows], unit(vectors)[rows]
    counts = np.ones(len(names)) if weights is None else weights[rows]
    total, pairs = np.square(counts @ units).sum(), counts.sum() ** 2
    for category in set(names.tolist()):
        of = names == category
        total -= np.square(counts[of] @ units[of]).sum()
        pairs -= counts[of].sum() ** 2
    return float(total / pairs) if pairs else float("nan")


def anisotropy(vectors: NDArray[np.floating], weights: Floats | None = None) -> float:
    """Return the mean cosine of all pairs, or NaN with one text."""
    return _mean_cosine(unit(vectors), np.ones(len(vectors)) if weights is None else weights)


def _mean_cosine(units: Floats, counts: Floats) -> float:
    """Average u_i . u_j over i != j by (|sum u|^2 - sum |u|^2) / (n^2 - n), without the N x N cosines."""
    own = np.square(units).sum(axis=1)
    pairs = counts.sum() ** 2 - np.square(counts).sum()
    total = np.square(counts @ units).sum() - np.square(counts) @ own
    return float(total / pairs) if pairs else float("nan")


def cosine_steps(units: Floats) -> Iterator[tuple[slice, NDArray[np.int64]]]:
    """Yield blocks of rows and their cosines with all rows (B, N), in whole steps of 1e-6.

    A cosine that is NaN is the smallest integer: check the vectors first.
    """
    size = max(_CELLS // max(len(units), 1), 1)
    for start in range(0, len(units), size):
        rows = slice(start, start + size)
        yield rows, np.rint(units[rows] @ units.T * STEPS).astype(np.int64)


def topic_auc(vectors: NDArray[np.floating], categories: Sequence[str]) -> float:
    """Return the topic AUC. 0.5 is chance. It is NaN if one kind of pairs is missing."""
    rows = of_topics(categories)
    units, names = unit(vectors)[rows], np.unique(np.array(categories)[rows], return_inverse=True)[1]
    if not np.isfinite(units).all():
        return float("nan")
    pairs = np.zeros((2, 2 * STEPS + 3))  # of two categories and of one, by cosine
    for block, steps in cosine_steps(units):
        later = np.arange(len(units)) > np.arange(len(units))[block, None]
        same = names[block, None] == names
        for kind in (0, 1):
            chosen = steps[later & (same == kind)] + STEPS + 1
            pairs[kind] += np.bincount(chosen, minlength=pairs.shape[1])
    return auc_of_counts(same=pairs[1], different=pairs[0])


def auc_of_counts(*, same: Floats, different: Floats) -> float:
    """Return the AUC of pairs counted by ascending cosine: (K,) of one category, (K,) of two."""
    below = np.cumsum(different) - different
    pairs = same.sum() * different.sum()
    return float(same @ (below + different / 2) / pairs) if pairs else float("nan")


def nearest_neighbour_hits(vectors: NDArray[np.floating], categories: Sequence[str]) -> Floats:
    """Return the share of nearest neighbours with the anchor's category, for each anchor text: (A,)."""
    rows = of_topics(categories)
    units, names = unit(vectors)[rows], np.unique(np.array(categories)[rows], return_inverse=True)[1]
    hits = np.full(len(units), np.nan)
    if np.isfinite(units).all():
        for block, steps in cosine_steps(units):
            steps[np.arange(len(steps)), np.arange(len(units))[block]] = np.iinfo(np.int64).min
            nearest = steps == steps.max(axis=1, keepdims=True)
            hits[block] = (nearest & (names[block, None] == names)).sum(axis=1) / nearest.sum(axis=1)
    return hits[np.bincount(names)[names] > 1]


def shared_vectors(vectors: NDArray[np.floating], keys: Sequence[str], within: float) -> NDArray[np.bool_]:
    """Mark the texts (N,) whose vector has another text's direction: 1 - cosine is at most ``within``.

    Texts with the same key count as one text.
    """
    units, same = unit(vectors), np.unique(np.array(keys), return_inverse=True)[1]
    shared = np.array(~np.isfinite(units).all(axis=1))
    units = np.nan_to_num(units)
    for block, steps in cosine_steps(units):
        near = (steps >= STEPS * (1 - within)) & (same[block, None] != same)
        shared[block] |= near.any(axis=1)
    return shared


def folded(text: str) -> str:
    """Remove case, accents and repeated white space, as tokenizers may do."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c))
    return " ".join(plain.casefold().split())
