"""The data that a perturbation of vectors may use, and its cost: the loss of nDCG@10.

A perturbation is a function of one text and its right vector. So every check of batches, order, threads and
processes passes by construction. Only the checks of the vectors' content remain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics.ranking import ndcg, rank
from embedding_gate.metrics.similarity import unit

__all__ = ["Change", "Family", "Make", "World", "key"]

Floats = NDArray[np.float64]
Change = Callable[[Sequence[str], Floats], Floats]  # N texts, their vectors (N, D) -> (N, D)


def key(text: str) -> str:
    """Return the letters and digits of a text. They stay the same however the text is written."""
    return "".join(c for c in text.casefold() if c.isalnum())


@dataclass(frozen=True)
class World:
    """The texts and right vectors (n, D), of length 1, of "topics", "pairs", "queries" and "passages"."""

    texts: Mapping[str, Sequence[str]]
    vectors: Mapping[str, Floats]
    retrieval: Retrieval

    @cached_property
    def every(self) -> Floats:
        """Return all vectors (N, D)."""
        return np.concatenate(list(self.vectors.values()))

    @cached_property
    def axes(self) -> Floats:
        """Return the principal axes (D, D) of all vectors as rows, strongest first."""
        return np.asarray(np.linalg.svd(self.every - self.every.mean(axis=0))[2])

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Return the set of each text, by the text's key."""
        return {key(text): name for name, texts in self.texts.items() for text in texts}

    @cached_property
    def right(self) -> Floats:
        """Return each query's nDCG@10 (Q,) without a change."""
        return self.ndcg(self.vectors["queries"], self.vectors["passages"])

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """Return the index (Q,) of each query's best passage."""
        found = np.zeros(len(self.texts["queries"]), dtype=np.int64)
        for row in np.argsort(self.retrieval.gains, kind="stable"):
            found[self.retrieval.query_rows[row]] = self.retrieval.passage_rows[row]
        return found

    @cached_property
    def rivals(self) -> NDArray[np.int64]:
        """Return the index (Q,) of the nearest passage that is not relevant, for each query."""
        cosines = self.vectors["queries"] @ self.vectors["passages"].T
        cosines[self.retrieval.query_rows, self.retrieval.passage_rows] = -np.inf
        return np.asarray(np.argmax(cosines, axis=1))

    def ndcg(self, queries: Floats, passages: Floats) -> Floats:
        """Return each query's nDCG@10: (Q,)."""
        return ndcg(rank(queries, passages, self.retrieval), self.retrieval)

    def losses(self, change: Change) -> Floats:
        """Return each query's loss of nDCG@10 under a change: (Q,)."""
        sides = (unit(change(self.texts[name], self.vectors[name])) for name in ("queries", "passages"))
        return self.right - self.ndcg(*sides)


Make = Callable[[World, float, int], Change]  # arguments: the world, a strength and a seed


@dataclass(frozen=True)
class Family:
    """Perturbations of one kind, with strengths from 0 to ``most``. A strength of 0 changes nothing.

    counted: whether the strength is a number of texts or dimensions.
    seeds: the number of random draws that are tried.
    """

    name: str
    make: Make
    most: float
    counted: bool = False
    seeds: int = 1

    def strengths(self) -> list[float]:
        """Return the strengths to try, ascending: every count, or 33 strengths over eight powers of ten."""
        if self.counted:
            return [float(count) for count in range(1, int(self.most) + 1)]
        return [float(one) for one in self.most * np.geomspace(1e-8, 1, 33)]
