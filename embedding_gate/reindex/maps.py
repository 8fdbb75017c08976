"""Maps of old vectors onto new ones: each is fitted on some texts, and its residual measured on others.

Vectors are (N, D), of length 1. A residual is the sum of squares that the map leaves, over the sum of squares
that there was. 0 is a perfect map, and 1 one that explains nothing.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.similarity import unit

__all__ = [
    "Fit",
    "Floats",
    "Map",
    "fit_linear",
    "fit_permutation",
    "fit_rotation",
    "fit_shift",
    "halves",
    "residual",
    "turned_only",
]

Floats = NDArray[np.float64]
Map = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Map]
_RIDGE = 1e-3  # of the mean eigenvalue: fewer texts than dimensions must not give a perfect map
_ROUNDS = 20  # of the fixed point of a shift; the tenth no longer moves the sixth digit
_ROWS = 500  # texts whose products are compared
_KEPT = 0.005  # of the distance between old and new; noise changed products by 0.085 (tests.reindex.curve)


def halves(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part N texts at random, seeded: to fit on, and to measure on."""
    order = np.random.default_rng(0).permutation(count)
    return np.sort(order[: count // 2]), np.sort(order[count // 2 :])


def residual(mapped: Floats, new: Floats, old: Floats) -> float:
    """Return the share of the difference of old and new that is left when old is mapped."""
    before = float(np.square(new - old).sum())
    return float(np.square(new - mapped).sum()) / before if before else 1.0


def turned_only(old: Floats, new: Floats) -> bool:
    """Tell whether an orthogonal map leads from old to new: it keeps every product of two texts.

    It tells it also of fewer texts than dimensions, to which an orthogonal map fits in any case. Vectors are
    taken from their mean, so that a large mean does not hide the rest.
    """
    rows = np.random.default_rng(0).permutation(len(old))[:_ROWS]
    one, other = (of[rows] - of[rows].mean(axis=0) for of in (old, new))
    apart = np.square(other - one).sum(axis=1).mean()
    changed = np.square(one @ one.T - other @ other.T).mean()
    return bool(apart > 0 and changed <= np.square(_KEPT) * apart)


def fit_permutation(old: Floats, new: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Find the old dimension that each new one is, and its sign: (D,) and (D,).

    A new dimension is the old one that it correlates with most, if no other one does so more. What is
    left over, as dimensions that are 0 in all texts, keeps its place or else its order.
    """
    one, other = (of / np.maximum(np.linalg.norm(of, axis=0), 1e-12) for of in (old, new))
    alike = one.T @ other
    best = np.abs(alike).argmax(axis=0)
    strength = np.abs(alike)[best, np.arange(len(best))]
    order = np.full(len(best), -1)
    for place in np.argsort(-strength, kind="stable").tolist():
        if best[place] not in order:
            order[place] = best[place]
    for place in np.flatnonzero(order < 0).tolist():
        order[place] = place if place not in order else min(set(range(len(order))) - set(order.tolist()))
    signs = np.sign(alike[order, np.arange(len(order))])
    return order, np.where(signs == 0, 1.0, signs)


def fit_rotation(old: Floats, new: Floats) -> Map:
    """Fit the orthogonal map: Schoenemann 1966 (https://doi.org/10.1007/BF02289451)."""
    left, _, right = np.linalg.svd((old - old.mean(axis=0)).T @ (new - new.mean(axis=0)))
    turn = left @ right
    return lambda vectors: np.asarray(vectors @ turn)


def fit_linear(old: Floats, new: Floats) -> Map:
    """Fit the linear map with an intercept, by ridge regression."""
    mean, to = old.mean(axis=0), new.mean(axis=0)
    centred = old - mean
    gram = centred.T @ centred
    ridge = _RIDGE * np.trace(gram) / len(gram) * np.eye(len(gram))
    weights = np.linalg.solve(gram + ridge, centred.T @ (new - to))
    return lambda vectors: np.asarray((vectors - mean) @ weights + to)


def fit_shift(old: Floats, new: Floats) -> Map:
    """Fit one vector that was added to each old one before it was scaled to length 1."""
    shift = (new - old).mean(axis=0)
    for _ in range(_ROUNDS):
        lengths = np.linalg.norm(old + shift, axis=1, keepdims=True)
        shift = (new * lengths - old).mean(axis=0)
    return lambda vectors: unit(vectors + shift)
