"""Faults that strike now and then: one vector, or one call, of so many."""

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.faults.registry import Patch, faults_of
from tests.faults.seams import Batch, change_batches, replace_encode, scratch

fault = faults_of("chance")
Vectors = NDArray[np.float32]
Spoil = Callable[[Vectors, int], object]


class Dice:
    """Tells which of so many are struck, each with the same probability. Threads may share it."""

    def __init__(self, one_in: int) -> None:
        self._random, self._one_in = np.random.default_rng(scratch.seed), one_in
        self._lock = threading.Lock()

    def struck(self, count: int) -> list[int]:
        """Return the numbers of those that are struck."""
        with self._lock:
            return np.flatnonzero(self._random.random(count) * self._one_in < 1).tolist()


def zeroed(vectors: Vectors, row: int) -> None:
    """Leave a vector at zero."""
    vectors[row] = 0


def strike(patch: Patch, one_in: int, spoil: Spoil, *, threads: int = 1) -> None:
    """Spoil one vector of so many, where at least that many threads are alive."""
    dice = Dice(one_in)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if threading.active_count() >= threads:
            for row in dice.struck(len(vectors)):
                spoil(vectors, row)
        return vectors

    replace_encode(patch, encode)


@fault("one vector in 50 zeroed", "out", "", kills=("call sizes",), random=True)
def one_in_50(patch: Patch) -> None:
    strike(patch, 50, zeroed)


@fault("one vector in 500 negated", "out", "", kills=("call sizes",), random=True)
def one_in_500_negated(patch: Patch) -> None:
    def negated(vectors: Vectors, row: int) -> None:
        vectors[row] *= -1

    strike(patch, 500, negated)


@fault("one vector in 500 its neighbour's", "out", "", kills=("call sizes",), random=True)
def one_in_500_exchanged(patch: Patch) -> None:
    def exchanged(vectors: Vectors, row: int) -> None:
        vectors[row] = vectors[row - 1]

    strike(patch, 400, exchanged)


@fault("one vector in 500 has a NaN", "out", "", kills=("call sizes",), random=True)
def one_in_500_nan(patch: Patch) -> None:
    def spoilt(vectors: Vectors, row: int) -> None:
        vectors[row, -1] = np.nan

    strike(patch, 500, spoilt)


@fault(
    "a bit flips in one vector of 500", "out", "the sign of a component", kills=("call sizes",), random=True
)
def one_in_500_flipped(patch: Patch) -> None:
    def flipped(vectors: Vectors, row: int) -> None:
        vectors[row, row % vectors.shape[1]] *= -1

    strike(patch, 500, flipped)


@fault(
    "one vector in 100 zeroed by many threads",
    "out",
    "where 16 or more threads are alive",
    kills=("many threads",),
    random=True,
)
def one_in_100_by_threads(patch: Patch) -> None:
    strike(patch, 100, zeroed, threads=16)


@fault("one call in 50 in another order", "out", "", kills=("call sizes",), random=True)
def calls_in_another_order(patch: Patch) -> None:
    dice = Dice(50)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[::-1].copy() if dice.struck(1) else vectors

    replace_encode(patch, encode)


@fault(
    "one call in 50 fails",
    "out",
    "with an error from deep inside",
    kills=("call sizes",),
    random=True,
)
def calls_that_fail(patch: Patch) -> None:
    dice = Dice(50)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if dice.struck(1):
            raise RuntimeError("the device was lost")
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault("one batch in 30 in half precision", "out", "", kills=("call sizes",), random=True)
def batches_in_half_precision(patch: Patch) -> None:
    dice = Dice(30)

    def change(batches: list[Batch]) -> Iterator[Batch]:
        for rows, vectors in batches:
            yield rows, vectors.astype(np.float16).astype(np.float32) if dice.struck(1) else vectors

    change_batches(patch, change)
