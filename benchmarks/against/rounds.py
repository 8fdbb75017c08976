"""Rounds of several trees in turns, A B C C B A, on the same new texts; and the audits of each tree.

Who goes first changes from round to round, and the second half of a round is the first one backwards: what
drifts through a round meets all trees alike. A benchmark's rounds are spread over the whole measurement.
The clock is this process's and runs from asking a tree until it says that its vectors are in host memory.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.against.workers import unpack
from benchmarks.audits import STRAY, median_interval
from benchmarks.fresh import FreshTexts, Seen
from benchmarks.machine import in_tf32
from benchmarks.meter import check_vectors
from benchmarks.plan import SHORT
from embeddings.errors import EmbeddingsError
from embeddings.tokens import TokenizedTexts

__all__ = ["BENCHMARKS", "ROUNDS", "Benchmark", "Measured", "Timed", "measure"]

ROUNDS = 15  # so that a tree as fast as the other is hardly ever red, and one 15 % slower is: README.md
CALL = 0.05  # seconds that one turn of a tree should last: as many calls as that takes
REPEATED = 1.1  # times as fast as before, surely, and the same texts were not computed: as in audits.py
MOST_CALLS = 1000


@dataclass(frozen=True)
class Benchmark:
    """What a call is: so many texts of so many tokens each, new ones or ones that a cache holds."""

    name: str
    batch: int
    length: int
    cached: bool = False

    @property
    def unit(self) -> str:
        """What a ratio is of."""
        return f"time of {self.batch} x {self.length} tokens"


BENCHMARKS = (
    Benchmark("short texts", 16, SHORT),
    Benchmark("longer texts", 2, 128),
    Benchmark("one text", 1, SHORT),
    Benchmark("cached lookup", 32, SHORT, cached=True),
)


class Timed(Protocol):
    """A tree as the rounds see it: ``workers.Arm``."""

    name: str

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens."""

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Return what a method of ``tree_worker.Answers`` does."""

    def tokenize(self, texts: Sequence[str], *, prompt: str | None = None) -> TokenizedTexts:
        """Return the ids that the model sees of each text."""

    def encode(self, texts: Sequence[str], *, prompt: str | None = None) -> NDArray[Any]:
        """Return vectors (N, D), off the clock."""


@dataclass
class Measured:
    """One benchmark of all trees.

    calls: of one turn. seconds: arm -> of the first and of the second turn of each round.
    faults: what the audits say. sampled: arm -> text -> its vector in a round. texts: of the last round.
    """

    benchmark: Benchmark
    calls: int = 1
    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    sampled: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def log_ratios(self, arm: str, base: str) -> NDArray[np.float64]:
        """Return the logarithm of one arm's time over the other's in each round: (R,)."""
        one, other = (np.array(self.seconds[name]).sum(axis=1) for name in (arm, base))
        return np.asarray(np.log(one / other))


def measure(
    arms: Sequence[Timed],
    benchmarks: Iterable[Benchmark] = BENCHMARKS,
    rounds: int = ROUNDS,
    *,
    seed: str = "",
    call: float = CALL,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Measured]:
    """Time so many rounds of each benchmark. The first arm is the base, whose tokenizer counts the texts."""
    longest = min(arm.max_tokens for arm in arms)
    found = [Measured(replace(one, length=min(one.length, longest))) for one in benchmarks]
    session = _Session(arms, seed, call, clock)
    turns = [partial(session.round, number=number) for number in range(rounds)]
    steps: list[Callable[[Measured], None]] = [session.warm_up, *turns, session.audit]
    for step in steps:
        for one in found:
            if one.faults:
                continue  # what it did was no measurement, and is not going to be
            try:
                step(one)
            except EmbeddingsError as error:
                one.faults.append(str(error))
    return {one.benchmark.name: one for one in found}


class _Session:
    """The trees, and texts that none of them has seen."""

    def __init__(self, arms: Sequence[Timed], seed: str, call: float, clock: Callable[[], float]) -> None:
        self._arms, self._call, self._clock, self._seen = arms, call, clock, Seen()
        self._fresh = FreshTexts(arms[0].tokenize, self._seen, seed)

    def warm_up(self, one: Measured) -> None:
        """Give each tree turns off the record; how many calls make a turn follows from the base's."""
        for _ in range(2):  # the first says little of the second where a call takes a tenth of a millisecond
            for arm in (*self._arms[1:], self._arms[0]):
                self._hold(one, [arm])
                self._turn(arm)
                seconds = self._turn(arm) / one.calls
            one.calls = int(np.clip(round(self._call / seconds), 1, MOST_CALLS))

    def round(self, one: Measured, number: int) -> None:
        """Time a round: each tree's turn, and again in the opposite order; then look at the vectors."""
        first = number % len(self._arms)
        order = [*self._arms[first:], *self._arms[:first]]
        self._hold(one, order)
        half = [self._turn(arm) for arm in order]
        other_half = [self._turn(arm) for arm in reversed(order)]
        for arm, *seconds in zip(order, half, reversed(other_half), strict=True):
            one.seconds.setdefault(arm.name, []).append((seconds[0], seconds[1]))
            self._look(one, arm, number)

    def audit(self, one: Measured) -> None:
        """Say what each tree did otherwise than it should have."""
        spied = {arm.name: arm.ask("spy", texts=one.texts) for arm in self._arms}
        wanted = len(one.texts) * one.benchmark.length
        for arm in self._arms:
            found, sampled = spied[arm.name], one.sampled[arm.name]
            if found["tokens"] != wanted:
                one.faults.append(f"{arm.name}: real tokens: {found['tokens']} of {wanted} were worked on")
            if (bits := found["bits"]) != (base := spied[self._arms[0].name]["bits"]):
                one.faults.append(f"{arm.name}: precision: {bits} bits, not {base}: not comparable")
            again = arm.encode(list(sampled))
            stray = np.abs(again - np.array(list(sampled.values()))).max()
            if not stray <= (bar := _stray(bits)):
                one.faults.append(f"{arm.name}: untimed vectors: stray by {stray:.2g}, at most {bar:g}")
            if not one.benchmark.cached:
                low, _ = median_interval([slow / fast for slow, fast in one.seconds[arm.name]])
                if low > REPEATED:
                    one.faults.append(f"{arm.name}: repeated texts: {low:.2f} times as fast as new ones")

    def _hold(self, one: Measured, arms: Iterable[Timed]) -> None:
        """Draw new texts, and hand them out."""
        batch, cached = one.benchmark.batch, one.benchmark.cached
        one.texts = self._fresh(batch if cached else batch * one.calls, one.benchmark.length)
        self._seen.claim(one.texts)
        batches = [one.texts[start : start + batch] for start in range(0, len(one.texts), batch)]
        for arm in arms:
            arm.ask("hold", batches=batches, times=one.calls if cached else 1, cached=cached)

    def _turn(self, arm: Timed) -> float:
        start = self._clock()
        arm.ask("run")
        return self._clock() - start

    def _look(self, one: Measured, arm: Timed, number: int) -> None:
        """Check the vectors of one call of a turn, another in each round, and keep one of them."""
        batch, held = one.benchmark.batch, len(one.texts) // one.benchmark.batch
        answer = arm.ask("look", call=number % one.calls)
        try:
            vectors = unpack(answer)
            check_vectors(vectors, (batch, arm.dimension))
        except EmbeddingsError as error:
            raise EmbeddingsError(f"{arm.name}: {error.where}", error.what, mend=error.mend) from error
        row = number % batch
        text = one.texts[number % one.calls % held * batch + row]
        one.sampled.setdefault(arm.name, {})[text] = vectors[row]


def _stray(bits: int) -> float:
    """Return how far a text's vectors may lie apart in two batches, by what the model computes in."""
    precision = {32: "float16" if in_tf32() else "float32"}.get(bits, "bfloat16")
    return STRAY[precision][0]
