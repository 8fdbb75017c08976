"""What a perturbation of vectors may know, and what it costs: the loss of nDCG@10.

A perturbation is a function of texts and their right vectors, each for itself. So all that a gate asks of
batches, order, threads and processes holds by construction: what is left is what the vectors say.
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
    """Return what a text says, however it is written: its letters and digits."""
    return "".join(c for c in text.casefold() if c.isalnum())


@dataclass(frozen=True)
class World:
    """The texts and right vectors (n, D), of length 1, of "topics", "pairs", "queries" and "passages"."""

    texts: Mapping[str, Sequence[str]]
    vectors: Mapping[str, Floats]
    retrieval: Retrieval

    @cached_property
    def every(self) -> Floats:
        """All vectors (N, D)."""
        return np.concatenate(list(self.vectors.values()))

    @cached_property
    def axes(self) -> Floats:
        """The principal axes (D, D) of all vectors as rows, strongest first."""
        return np.asarray(np.linalg.svd(self.every - self.every.mean(axis=0))[2])

    @cached_property
    def kinds(self) -> dict[str, str]:
        """The set that each text is of, by its key."""
        return {key(text): name for name, texts in self.texts.items() for text in texts}

    @cached_property
    def right(self) -> Floats:
        """Each query's nDCG@10 (Q,) without a change."""
        return self.ndcg(self.vectors["queries"], self.vectors["passages"])

    @cached_property
    def answers(self) -> NDArray[np.int64]:
        """Each query's best passage (Q,)."""
        found = np.zeros(len(self.texts["queries"]), dtype=np.int64)
        for row in np.argsort(self.retrieval.gains, kind="stable"):
            found[self.retrieval.query_rows[row]] = self.retrieval.passage_rows[row]
        return found

    @cached_property
    def rivals(self) -> NDArray[np.int64]:
        """The passage (Q,) nearest to each query among those that are not relevant to it."""
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


Make = Callable[[World, float, int], Change]  # of a strength, and a seed


@dataclass(frozen=True)
class Family:
    """Perturbations of one kind, from a strength of 0, which changes nothing, to ``most``.

    counted: whether the strength is a number of texts or dimensions.
    seeds: how many draws are tried.
    """

    name: str
    make: Make
    most: float
    counted: bool = False
    seeds: int = 1

    def strengths(self) -> list[float]:
        """Return the strengths to try, ascending: every count, or thirty-three over eight powers of ten."""
        if self.counted:
            return [float(count) for count in range(1, int(self.most) + 1)]
        return [float(one) for one in self.most * np.geomspace(1e-8, 1, 33)]
