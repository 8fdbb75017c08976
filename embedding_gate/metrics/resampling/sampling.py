"""Seeded samples of large sets: SAMPLE texts of at most SAMPLE / 4 categories, ten times as many pairs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.similarity import of_topics

__all__ = ["SAMPLE", "Floats", "sample", "sample_of_topics"]

Floats = NDArray[np.float64]
SAMPLE = 300


def sample(items: int, most: int = 10 * SAMPLE) -> NDArray[np.int64]:
    """Pick the items to judge by: all, or a seeded sample in ascending order."""
    if items <= most:
        return np.arange(items)
    return np.sort(np.random.default_rng(0).choice(items, most, replace=False))


def sample_of_topics(categories: Sequence[str]) -> NDArray[np.int64]:
    """Pick the texts to judge by, without outliers: all, or some texts of some categories."""
    rows = np.flatnonzero(of_topics(categories))
    if len(rows) <= SAMPLE:
        return rows
    names = np.array(categories)[rows]
    found = np.unique(names)
    chosen = found[sample(len(found), SAMPLE // 4)]
    each = SAMPLE // len(chosen)
    draw = np.random.default_rng(0)
    parts = [draw.permutation(rows[names == name])[:each] for name in chosen]
    return np.sort(np.concatenate(parts))
