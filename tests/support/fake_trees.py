"""Fake source trees to compare. Each takes a known time of a fake clock."""

from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.against.generation import Benchmark, Measured
from benchmarks.against.rounds import measure
from embedding_gate.serving import pack
from embeddings.tokens import TokenizedTexts

SHORT = Benchmark("short", 4, 8)
ALL = (SHORT, Benchmark("one", 1, 8), Benchmark("cached", 4, 8, cached=True))


class Clock:
    """A fake clock. It moves only when code says that something takes time."""

    def __init__(self) -> None:
        self.now, self.turns = 0.0, list[str]()

    def __call__(self) -> float:
        """Return the seconds that have passed."""
        return self.now


class Fake:
    """A fake tree. A token is a word. Each token takes one millisecond times ``pace``."""

    dimension, max_tokens = 3, 64

    def __init__(self, name: str, clock: Clock, pace: float = 1.0) -> None:
        self.name, self.clock, self.pace = name, clock, pace
        self.seen: list[list[str]] = []
        self.held: list[list[str]] = []
        self.times = 1

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Answer a request as a worker process does."""
        found: dict[str, Any] = getattr(self, do)(**request)
        return found

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:  # noqa: ARG002
        """Return the words of the texts as tokens."""
        ids = [np.zeros(len(text.split()), np.int32) for text in texts]
        return TokenizedTexts(ids, np.zeros(len(ids), np.int64))

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:  # noqa: ARG002
        """Return points on the unit circle that depend on a text's length and first letter."""
        angles = np.array([len(text) + ord(text[0]) / 100 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:  # noqa: ARG002
        """Store the texts."""
        self.held, self.times = batches, times
        self.seen.append([text for batch in batches for text in batch])
        return {"tokens": self.count(self.seen[-1])}

    def count(self, texts: list[str]) -> int:
        """Count real tokens."""
        return int(self.tokenize(texts).lengths.sum())

    def cost(self) -> float:
        """Return the seconds of one turn."""
        tokens = sum(len(text.split()) for batch in self.held for text in batch)
        return self.times * tokens * 1e-3 * self.pace

    def run(self) -> dict[str, Any]:
        """Move the clock by the time of the stored texts."""
        self.clock.now += self.cost()
        self.clock.turns.append(self.name)
        return {}

    def look(self, call: int) -> dict[str, Any]:
        """Return the vectors of the stored texts."""
        return pack(self.encode(self.held[call % len(self.held)]))

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Return what was computed."""
        return {"tokens": self.count(texts), "bits": 32}


def run(kind: type[Fake] = Fake, pace: float = 1.0, **given: Any) -> tuple[list[Fake], dict[str, Measured]]:
    """Measure the base, a tree of the given class and pace, and the base again."""
    clock = Clock()
    arms = [Fake("base", clock), kind("ours", clock, pace), Fake("again", clock)]
    return arms, measure(lambda: nullcontext(arms), given.pop("benchmarks", ALL), clock=clock, **given)
