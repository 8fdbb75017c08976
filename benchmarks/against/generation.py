"""One generation: processes of all trees, the rounds that they live for, and the audits of each tree.

In a round the trees have their turns on the same new texts, A B C, and then in the opposite order, C B A:
what drifts through a round meets all alike. Who goes first changes from round to round. The clock is this
process's, and runs from asking a tree until it says that its vectors are in host memory: no code of a tree
holds it.
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

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:
        """Return the ids that the model sees of each text."""

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:
        """Return vectors (N, D), off the clock."""


@dataclass
class Measured:
    """One benchmark of all trees.

    calls: of one turn, 0 before that is known. seconds: arm -> of the first and of the second turn of each
        round. faults: what the audits say. sampled: arm -> text -> its vector in a round of this generation.
    texts: of the last round.
    """

    benchmark: Benchmark
    calls: int = 0
    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    sampled: dict[str, dict[str, NDArray[Any]]] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)

    def log_ratios(self, arm: str, base: str) -> NDArray[np.float64]:
        """Return the logarithm of one arm's time over the other's in each round: (R,)."""
        one, other = (np.array(self.seconds[name]).sum(axis=1) for name in (arm, base))
        return np.asarray(np.log(one / other))

    def repeats(self) -> list[str]:
        """Name the trees that are surely faster at texts that they have just had."""
        found = []
        for name, seconds in self.seconds.items() if not self.benchmark.cached else ():
            low, _ = median_interval([first / second for first, second in seconds])
            if low > REPEATED:
                found.append(f"{name}: repeated texts: {low:.2f} times as fast as new ones")
        return found


class Generation:
    """The trees' processes, and texts that none of them has seen. The first is the base, which counts them.

    seed: what texts are drawn by. call: seconds that a turn should last.
    """

    def __init__(self, arms: Sequence[Timed], seed: str, call: float, clock: Callable[[], float]) -> None:
        self._arms, self._call, self._clock, self._seen = arms, call, clock, Seen()
        self._fresh = FreshTexts(arms[0].tokenize, self._seen, seed)
        self._longest = min(arm.max_tokens for arm in arms)

    def warm_up(self, one: Measured) -> None:
        """Give each tree turns off the record; how many calls make a turn follows from the base's, once."""
        one.sampled, known = {}, one.calls > 0
        one.calls = max(one.calls, 1)
        for _ in range(1 if known else 2):  # the first call says little of the next
            self._hold(one, self._arms)
            seconds = [self._turn(arm) for arm in (*reversed(self._arms), *self._arms[:1])][-1] / one.calls
            if not known:
                one.calls = int(np.clip(round(self._call / seconds), 1, MOST_CALLS))

    def round(self, one: Measured, *, number: int) -> None:
        """Time a round, then look at the vectors."""
        first = number % len(self._arms)
        order = [*self._arms[first:], *self._arms[:first]]
        self._hold(one, order)
        half = [self._turn(arm) for arm in order]
        other_half = [self._turn(arm) for arm in reversed(order)]
        for arm, before, after in zip(order, half, reversed(other_half), strict=True):
            one.seconds.setdefault(arm.name, []).append((before, after))
            self._look(one, arm, number)

    def audit(self, one: Measured) -> None:
        """Say what each tree did otherwise than it should have."""
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
        """Draw new texts, and hand them out; each tree counts them, as the base has by then."""
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
        """Check the vectors of one call of a turn, another in each round, and keep one of them."""
        batch, call = one.benchmark.batch, number % one.calls
        answer = arm.ask("look", call=call)
        try:
            vectors = unpack(answer)
            check_vectors(vectors, (batch, arm.dimension))
        except ERRORS as error:
            raise GateError(f"{arm.name}: {error.where}", error.what, hint=error.hint) from error
        row = number % batch
        text = one.texts[(call * batch + row) % len(one.texts)]  # a lookup's calls are all of the same texts
        one.sampled.setdefault(arm.name, {})[text] = vectors[row]


def _stray(bits: int) -> float:
    """Return how far a text's vectors may lie apart in two batches, by what the model computes in."""
    precision = {32: "float16" if in_tf32() else "float32"}.get(bits, "bfloat16")
    return STRAY[precision][0]
