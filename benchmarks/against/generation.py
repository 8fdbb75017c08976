"""One generation: worker processes of all trees, their rounds, and the audits of each tree.

In a round the trees take turns on the same new texts, in the order A B C and then in the opposite order,
C B A. So a drift of speed during a round affects all trees equally. The first tree changes from round to
round. This process measures the time, from its request to a tree until the answer that the vectors are in
host memory. So the code of a tree has no access to the clock.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.audits import STRAY
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.intervals import median_interval
from benchmarks.harness.meter import check_vectors
from embedding_gate.adapter import ERRORS
from embedding_gate.errors import GateError
from embedding_gate.machine import in_tf32
from embedding_gate.serving import unpack
from embeddings.tokens import TokenizedTexts

__all__ = ["Benchmark", "Generation", "Measured", "Timed"]

# If repeated texts are surely this many times as fast, they were not computed. audits.py uses the same limit.
REPEATED = 1.1
MOST_CALLS = 1000


@dataclass(frozen=True)
class Benchmark:
    """The work of a call: ``batch`` texts of ``length`` tokens each, either new or stored in a cache."""

    name: str
    batch: int
    length: int
    cached: bool = False

    @property
    def unit(self) -> str:
        """The quantity that a ratio compares."""
        return f"time of {self.batch} x {self.length} tokens"


class Timed(Protocol):
    """The interface of a tree that the rounds use: ``workers.Arm``."""

    name: str

    @property
    def dimension(self) -> int:
        """The number of dimensions of a vector, D."""

    @property
    def max_tokens(self) -> int:
        """The largest number of tokens of a text."""

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Call a method of ``tree_worker.Answers`` and return its result."""

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:
        """Return the token ids of each text that the model gets."""

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:
        """Return vectors (N, D). This is not timed."""


@dataclass
class Measured:
    """The measurements of one benchmark on all trees.

    calls: the number of calls of one turn; 0 before it is known. seconds: arm -> the seconds of the first and
        of the second turn of each round. faults: the faults that the audits found. sampled: arm -> text ->
        its vector in a round of this generation.
    texts: the texts of the last round.
    """

    benchmark: Benchmark
    calls: int = 0
    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    sampled: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def log_ratios(self, arm: str, base: str) -> NDArray[np.float64]:
        """Return the logarithm of one arm's time divided by the other arm's in each round: (R,)."""
        one, other = (np.array(self.seconds[name]).sum(axis=1) for name in (arm, base))
        return np.asarray(np.log(one / other))

    def repeats(self) -> list[str]:
        """Return a fault for each tree that is surely faster at texts that it has just encoded."""
        found = []
        for name, seconds in self.seconds.items() if not self.benchmark.cached else ():
            low, _ = median_interval([first / second for first, second in seconds])
            if low > REPEATED:
                found.append(f"{name}: repeated texts: {low:.2f} times as fast as new ones")
        return found


class Generation:
    """The worker processes of the trees, and texts that none of them has seen.

    The first process is the base. Its tokenizer determines the lengths of the texts.
    seed: the seed for drawing texts. call: the seconds that a turn should last.
    """

    def __init__(self, arms: Sequence[Timed], seed: str, call: float, clock: Callable[[], float]) -> None:
        self._arms, self._call, self._clock, self._seen = arms, call, clock, Seen()
        self._fresh = FreshTexts(arms[0].tokenize, self._seen, seed)
        self._longest = min(arm.max_tokens for arm in arms)

    def warm_up(self, one: Measured) -> None:
        """Give each tree turns that are not recorded.

        The number of calls of a turn is computed once, from the time of the base tree.
        """
        one.sampled, known = {}, one.calls > 0
        one.calls = max(one.calls, 1)
        for _ in range(1 if known else 2):  # the time of the first call says little about the next
            self._hold(one, self._arms)
            seconds = [self._turn(arm) for arm in (*reversed(self._arms), *self._arms[:1])][-1] / one.calls
            if not known:
                one.calls = int(np.clip(round(self._call / seconds), 1, MOST_CALLS))

    def round(self, one: Measured, *, number: int) -> None:
        """Time a round, then check the vectors."""
        first = number % len(self._arms)
        order = [*self._arms[first:], *self._arms[:first]]
        self._hold(one, order)
        half = [self._turn(arm) for arm in order]
        other_half = [self._turn(arm) for arm in reversed(order)]
        for arm, before, after in zip(order, half, reversed(other_half), strict=True):
            one.seconds.setdefault(arm.name, []).append((before, after))
            self._look(one, arm, number)

    def audit(self, one: Measured) -> None:
        """Record a fault for each tree that broke a rule."""
        base = 0
        for arm in self._arms:
            found, sampled = arm.ask("spy", texts=one.texts), one.sampled[arm.name]
            bits, base = found["bits"], base or found["bits"]
            self._counted(one, arm, found["tokens"])
            if bits != base:
                one.faults.append(f"{arm.name}: precision: {bits} bits, not {base}: not comparable")
            again = arm.encode(list(sampled))
            stray = np.abs(again - np.array(list(sampled.values()))).max()
            if not stray <= (threshold := _stray(bits)):
                one.faults.append(f"{arm.name}: untimed vectors: stray by {stray:.2g}, at most {threshold:g}")

    def _hold(self, one: Measured, arms: Iterable[Timed]) -> None:
        """Draw new texts and send them to the trees. Each tree counts the tokens, as the base already has."""
        batch, length, cached = one.benchmark.batch, self._length(one), one.benchmark.cached
        one.texts = self._fresh(batch if cached else batch * one.calls, length)
        self._seen.claim(one.texts)
        batches = [one.texts[start : start + batch] for start in range(0, len(one.texts), batch)]
        for arm in arms:
            answer = arm.ask("hold", batches=batches, times=one.calls if cached else 1, cached=cached)
            self._counted(one, arm, answer["tokens"])

    def _length(self, one: Measured) -> int:
        return min(one.benchmark.length, self._longest)

    def _counted(self, one: Measured, arm: Timed, tokens: int) -> None:
        if tokens != (wanted := len(one.texts) * self._length(one)):
            raise GateError(
                f"{arm.name}: real tokens", f"{tokens} in place of {wanted}", hint="the trees do other work"
            )

    def _turn(self, arm: Timed) -> float:
        start = self._clock()
        arm.ask("run")
        return self._clock() - start

    def _look(self, one: Measured, arm: Timed, number: int) -> None:
        """Check the vectors of one call of a turn, a different call in each round. Keep one vector."""
        batch, call = one.benchmark.batch, number % one.calls
        answer = arm.ask("look", call=call)
        try:
            vectors = unpack(answer)
            check_vectors(vectors, (batch, arm.dimension))
        except ERRORS as error:
            raise GateError(f"{arm.name}: {error.where}", error.what, hint=error.hint) from error
        row = number % batch
        # All calls of a cached lookup use the same texts.
        text = one.texts[(call * batch + row) % len(one.texts)]
        one.sampled.setdefault(arm.name, {})[text] = vectors[row]


def _stray(bits: int) -> float:
    """Return how much the vectors of a text may differ between two batches, for the bits of the model."""
    precision = {32: "float16" if in_tf32() else "float32"}.get(bits, "bfloat16")
    return STRAY[precision][0]
