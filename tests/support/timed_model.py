"""A fake model. It takes a known time of a fake clock."""

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embeddings.tokens import TokenizedTexts

FLOPS, PEAK = 1e6, 2e9  # FLOPs of one token; peak FLOPs of the device per second


class Clock:
    """A fake clock. It moves only when code says that something takes time."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds that have passed."""
        return self.now


class Model:
    """A fake model, half as fast as its device. A token is a word or the end token."""

    dimension = 3

    def __init__(self, clock: Clock, limit: int = 64) -> None:
        self.clock, self.limit = clock, limit

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Count the words, plus one for the end token."""
        words = [len(text.split()) + 1 for text in texts]
        ids = [np.zeros(min(number, self.limit), np.int32) for number in words]
        return TokenizedTexts(ids, np.array([max(number - self.limit, 0) for number in words]))

    def count(self, texts: Sequence[str]) -> int:
        """Count the tokens that the model reads."""
        return int(self.tokenize(texts).lengths.sum())

    def run(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Do the work that takes the time."""
        self.clock.now += 2 * self.count(texts) * FLOPS / PEAK
        vectors = np.array([[len(text), 1, crc32(text.encode()) % 97] for text in texts], dtype=np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> Any:
        """Run the model, or return vectors from the cache."""
        return self.run(texts) if cache is None else cache(texts)

    def spied(self, texts: Sequence[str]) -> Spied:
        """Run the model, and count its work."""
        return Spied(self.run(texts), self.count(texts), 32)

    def with_max_tokens(self, max_tokens: int) -> "Model":
        """Return the same model with another token limit."""
        return Model(self.clock, max_tokens)
