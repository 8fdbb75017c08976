"""How often a random fault dies: one that strikes at a size, after some calls, or one vector of so many.

The checks are the gate's own, with the effort of a whole run. What they judge is no model but a table of
random vectors. So hundreds of runs take seconds. Each run draws another fault by its number.
"""

import threading
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedding_gate.checks import test_call_shapes as checks
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.probe import Probe
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import Threshold

__all__ = ["KINDS", "Kind", "Rate", "rate_of"]

Vectors = NDArray[np.float32]
Random = np.random.Generator
Spoil = Callable[[Vectors], object]  # changes the vectors (N, D) of one call in place
CONFIDENCE = 0.95
WIDTH = 8


@dataclass(frozen=True)
class Kind:
    """A kind of random faults.

    make: draws a fault, and returns what it does to the vectors of each call.
    test: of the gate. runs: how many. least: the least share of them that must die.
    """

    name: str
    make: Callable[[Random], Spoil]
    test: Callable[..., None]
    runs: int
    least: float


@dataclass(frozen=True)
class Rate:
    """How many of the runs of a kind died."""

    kind: Kind
    died: int

    @property
    def share(self) -> float:
        """The share of the runs that died."""
        return self.died / self.kind.runs

    def __str__(self) -> str:
        """Say it with its interval: exact, two-sided (Clopper and Pearson 1934)."""
        low, high = binomtest(self.died, self.kind.runs).proportion_ci(CONFIDENCE, method="exact")
        interval = f"{self.share:6.1%}  ({low:.1%} to {high:.1%})"
        return f"{self.kind.name}: {self.died} of {self.kind.runs} died, {interval}"


class Table:
    """Stands for an encoder: each text has a random vector of length 1, in every call, but for the fault."""

    dimension, min_dimensions, prompts = WIDTH, 1, frozenset[str]()

    def __init__(self) -> None:
        self.spoil: Spoil = lambda _: None
        self._vectors: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str], **_: Any) -> Vectors:
        """Return the vectors (N, D)."""
        found = np.stack([self._vector(text) for text in texts])
        self.spoil(found)
        return found

    def _vector(self, text: str) -> Vectors:
        if text not in self._vectors:
            drawn = np.random.default_rng(zlib.crc32(text.encode())).standard_normal(WIDTH)
            self._vectors[text] = (drawn / np.linalg.norm(drawn)).astype(np.float32)
        return self._vectors[text]


def dies(kind: Kind, run: int) -> bool:
    """Draw a fault of a kind by the number of the run, and tell whether the check is red."""
    name = kind.test.__name__
    check = name.removeprefix("test_").replace("_", " ")
    table, offers = Table(), frozenset({"encode", "batch", "threads", "small model"})
    probe = Probe(table, offers, LookupError)  # type: ignore[arg-type]
    probe.known([*probe.texts, *probe.mixed])  # before the fault
    table.spoil = kind.make(np.random.default_rng([run, zlib.crc32(kind.name.encode())]))
    subject = SimpleNamespace(probe=probe, effort=Effort(shrink=False), refusal=LookupError, offers=offers)
    gate = Gate("a table", {check: Threshold(check, "any", 0.0, "", at_most=2e-6)})
    try:
        with gate.claim(name):
            kind.test(subject, gate)
    except CheckFailed:
        return True
    return False


def rate_of(kind: Kind) -> Rate:
    """Tell how many runs of a kind die."""
    return Rate(kind, sum(dies(kind, run) for run in range(kind.runs)))


def at_a_size(least: int, most: int) -> Callable[[Random], Spoil]:
    """Zero the last vector of calls of exactly so many texts as are drawn, both ends included."""

    def make(random: Random) -> Spoil:
        size = int(random.integers(least, most + 1))

        def spoil(vectors: Vectors) -> None:
            if len(vectors) == size:
                vectors[-1] = 0

        return spoil

    return make


def by_chance(one_in: int, *, threads: int = 1) -> Callable[[Random], Spoil]:
    """Zero one vector of so many, where at least that many threads are alive."""

    def make(random: Random) -> Spoil:
        lock = threading.Lock()

        def spoil(vectors: Vectors) -> None:
            if threading.active_count() >= threads:
                with lock:
                    vectors[random.random(len(vectors)) * one_in < 1] = 0

        return spoil

    return make


def after_calls(least: int, most: int) -> Callable[[Random], Spoil]:
    """Zero all vectors after as many calls as are drawn."""

    def make(random: Random) -> Spoil:
        left = [int(random.integers(least, most + 1))]

        def spoil(vectors: Vectors) -> None:
            left[0] -= 1
            if left[0] < 0:
                vectors[:] = 0

        return spoil

    return make


KINDS = (
    Kind("calls of one size, 1 to 64 texts", at_a_size(1, 64), checks.test_call_sizes, 50, 0.95),
    Kind("calls of one size, 1 to 512 texts", at_a_size(1, 512), checks.test_call_sizes, 200, 0.95),
    Kind("calls of one size, 513 to 4,096 texts", at_a_size(513, 4096), checks.test_call_sizes, 20, 0.0),
    Kind("one vector in 50", by_chance(50), checks.test_call_sizes, 50, 0.95),
    Kind("one vector in 500", by_chance(500), checks.test_call_sizes, 50, 0.95),
    Kind("one vector in 5,000", by_chance(5000), checks.test_call_sizes, 100, 0.95),
    Kind(
        "one vector in 500, 16 threads alive", by_chance(500, threads=16), checks.test_many_threads, 100, 0.99
    ),
    Kind(
        "one vector in 5,000, 16 threads alive",
        by_chance(5000, threads=16),
        checks.test_many_threads,
        100,
        0.3,
    ),
    Kind("after 1 to 450 calls", after_calls(1, 450), checks.test_many_calls, 100, 0.95),
    Kind("after 451 to 2,000 calls", after_calls(451, 2000), checks.test_many_calls, 50, 0.0),
)
