"""Differences of vectors and hidden states. A NaN in the input gives NaN, which passes no threshold."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating] | NDArray[np.integer]

__all__ = [
    "count_non_finite",
    "differences",
    "name_non_finite",
    "norm_error",
    "relative_change",
    "worst_rows",
]


def count_non_finite(vectors: ArrayLike) -> int:
    """Count the components that are NaN or infinite."""
    return int(np.size(vectors) - np.isfinite(vectors).sum())


def name_non_finite(items: Sequence[Array] | Array) -> str:
    """Say how many of N items hold NaN, and how many infinity: "NaN in 2 of 7 vectors"; "" if none does."""
    kinds = {"NaN": np.isnan, "infinity": np.isinf}
    if isinstance(items, np.ndarray) and np.isfinite(items).all():
        return ""
    counts = {name: sum(bool(is_kind(item).any()) for item in items) for name, is_kind in kinds.items()}
    found = " and ".join(f"{name} in {bad}" for name, bad in counts.items() if bad)
    return f"{found} of {len(items)} vectors" if found else ""


def norm_error(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return | ||v|| - 1 | of each vector: (N, D) -> (N,)."""
    return np.asarray(np.abs(np.linalg.norm(vectors.astype(np.float64), axis=1) - 1))


def differences(measured: Sequence[Array] | Array, expected: Sequence[Array] | Array) -> NDArray[np.float64]:
    """Return the largest absolute difference of each of N items: two lists of N arrays -> (N,).

    If the numbers of items differ, all items differ infinitely. If two shapes differ, that item does.
    """
    if len(measured) != len(expected):
        return np.full(max(len(measured), len(expected)), np.inf)
    return np.array([_difference(one, other) for one, other in zip(measured, expected, strict=True)])


def _difference(one: Array, other: Array) -> float:
    if one.shape != other.shape:
        return np.inf
    return float(np.max(np.abs(one.astype(np.float64) - other.astype(np.float64)), initial=0.0))


def worst_rows(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Mark the items (N,) with the largest value, or the NaN items if there are any."""
    bad = np.isnan(values)
    return np.asarray(bad if bad.any() else values == np.max(values, initial=-np.inf))


def relative_change(before: NDArray[np.floating], after: NDArray[np.floating]) -> float:
    """Return max |after - before| over the root mean square of ``before``, of two arrays of one shape."""
    scale = np.sqrt(np.mean(np.square(before.astype(np.float64))))
    return _difference(before, after) / float(scale)
