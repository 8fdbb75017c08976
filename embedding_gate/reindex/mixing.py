"""Whether old and new vectors may stand in one index: figures of both, mixed in three ways, beside old alone.

Each way gives a vector of every text. The figures and their paired bootstrap are those of metrics/paired.py.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.sets import Sets
from embedding_gate.metrics import resampling
from embedding_gate.metrics.paired import Floats, Metric, Moved, Vectors, beside, quality_metrics, too_few
from embedding_gate.metrics.similarity import unit

__all__ = ["RETRIEVAL", "Mixed", "found_again", "mixed", "ways"]

FOUND_AGAIN = "a text finds itself"
RETRIEVAL, PAIRS = "retrieval (nDCG@10)", "pairs (Spearman)"
TOPICS = ("topic auc", "nearest neighbour")
MOST = 2000  # texts that look for themselves


@dataclass(frozen=True)
class Mixed:
    """A figure of one way of mixing, beside that of old vectors alone."""

    way: str
    moved: Moved

    @property
    def line(self) -> str:
        """A line for the reader."""
        one = self.moved
        return (
            f"{one.metric}, {self.way}: {one.before:.4f} -> {one.after:.4f}, "
            f"change {one.low:+.4f} to {one.high:+.4f}"
        )


def ways(old: Vectors, new: Vectors) -> list[tuple[Sequence[str], str, Vectors]]:
    """Mix vectors: the metrics that tell of it, the way in words, and the vector of each text.

    old, new: (n, D) of topics, both sides of the pairs, queries and passages. In one index of both, a seeded
    half of the texts is new.
    """
    topics, one, other, queries, passages = old
    both = [_half(before, after) for before, after in zip(old, new, strict=True)]
    return [
        ((RETRIEVAL,), "new queries over old passages", [topics, one, other, new[3], passages]),
        ((RETRIEVAL,), "old queries over new passages", [topics, one, other, queries, new[4]]),
        ((RETRIEVAL,), "new queries over both in one index", [topics, one, other, new[3], both[4]]),
        ((RETRIEVAL,), "old queries over both in one index", [topics, one, other, queries, both[4]]),
        ((PAIRS,), "the first sentence new", [topics, new[1], other, queries, passages]),
        ((PAIRS,), "the second sentence new", [topics, one, new[2], queries, passages]),
        (TOPICS, "half of the texts new", [both[0], one, other, queries, passages]),
    ]


def _half(old: NDArray[np.floating], new: NDArray[np.floating]) -> NDArray[np.floating]:
    chosen = np.random.default_rng(0).permutation(len(old)) < len(old) // 2
    return np.where(chosen[:, None], new, old)


def mixed(old: Vectors, new: Vectors, sets: Sets) -> list[Mixed]:
    """Measure the quality metrics of each way, beside old alone. Sets that are too few to tell are left out.

    old, new: (n, D) of each part of the sets, scaled to length 1.
    """
    few = too_few(sets)
    alone = {name: _remembered(of, old) for name, of in quality_metrics(sets).items() if name not in few}
    return [
        Mixed(way, beside(name, alone[name], old, vectors))
        for names, way, vectors in ways(old, new)
        for name in names
        if name in alone
    ]


def _remembered(metric: Metric, old: Vectors) -> Metric:
    """Return a metric that measures old vectors once."""
    draws, value = metric.draws(old), metric.measure(old)
    return Metric(
        lambda v: value if v is old else metric.measure(v), lambda v: draws if v is old else metric.draws(v)
    )


def found_again(
    old: NDArray[np.floating], new: NDArray[np.floating], drifted: NDArray[np.bool_] | None = None
) -> Mixed:
    """Measure how often the new vector of a text finds its old one first: it needs no label.

    old, new: (N, D) of N texts. Texts that share an old vector count as one. drifted: the texts (N,) that are
    asked for, among all; None for all.
    """
    rows = resampling.sample(len(old), MOST)
    one, other = unit(old[rows]), unit(new[rows])
    asked = slice(None) if drifted is None or not drifted[rows].any() else drifted[rows]
    alone, hits = _hits(one, one)[asked], _hits(one, other)[asked]
    before, after = resampling.draw_means(alone), resampling.draw_means(hits)
    low, high = resampling.band(after - before)
    surely = resampling.surely_worse(after, before)
    moved = Moved(FOUND_AGAIN, float(alone.mean()), float(hits.mean()), low, high, surely)
    return Mixed("new over old" if drifted is None else "new over old, of those that drifted", moved)


def _hits(old: Floats, new: Floats) -> Floats:
    """Return for each text whether the old vector that is nearest to its new one is its own, ties shared."""
    cosines = np.round(new @ old.T, 6)
    nearest = cosines == cosines.max(axis=1, keepdims=True)
    same = np.unique(old, axis=0, return_inverse=True)[1].ravel()
    return np.asarray((nearest & (same[:, None] == same)).sum(axis=1) / nearest.sum(axis=1))
