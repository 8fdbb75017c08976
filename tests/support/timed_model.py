"""A model that takes a known time of a clock that nothing else moves."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embeddings.tokens import TokenizedTexts

FLOPS, PEAK = 1e6, 2e9  # of a token; of the device, in a second


class Clock:
    """A clock that stands still but for what is said to take time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds that were said to pass."""
        return self.now


class Model:
    """Half as fast as its device; a token is a word, or the end."""

    dimension = 3

    def __init__(self, clock: Clock, limit: int = 64) -> None:
        self.clock, self.limit = clock, limit

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Count words and one more."""
        words = [len(text.split()) + 1 for text in texts]
        ids = [np.zeros(min(number, self.limit), np.int32) for number in words]
        return TokenizedTexts(ids, np.array([max(number - self.limit, 0) for number in words]))

    def count(self, texts: Sequence[str]) -> int:
        """Count what the model sees."""
        return int(self.tokenize(texts).lengths.sum())

    def run(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """What takes the time."""
        self.clock.now += 2 * self.count(texts) * FLOPS / PEAK
        vectors = np.array([[len(text), 1, crc32(text.encode()) % 97] for text in texts], dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> Any:
        """Run, or ask the cache."""
        return self.run(texts) if cache is None else cache(texts)

    def spied(self, texts: Sequence[str]) -> Spied:
        """Run, and count."""
        return Spied(self.run(texts), self.count(texts), 32)

    def with_max_tokens(self, max_tokens: int) -> "Model":
        """Return the same with another limit."""
        return Model(self.clock, max_tokens)
