"""The clock, and the rules that no benchmark can break. A benchmark says what is measured, and never how.

- Texts are new to the process, and have an exact number of real tokens. ``Seen`` refuses a repeat.
- The cache is off, unless the cache is measured.
- The clock stops when float32 vectors are in host memory. Then they are checked: shape, finite, length 1.
- A text of each round is encoded again, untimed and in another batch. So all rounds must do the same work.
- A shape is warmed up before its first round, and the warm-up is not one of the rounds.
- pytest-benchmark may time the rounds. The meter's own clock still notes the time from preparation to end.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.records import Probe, Record, Spied
from embedding_gate.errors import GateError
from embeddings.tokens import TokenizedTexts

__all__ = ["Engine", "Meter", "by_clock", "check_vectors", "in_host_memory"]

Vectors = NDArray[np.float32]
# prepare, timed work, untimed work after it, rounds -> seconds of the timed work in each round
Timed = Callable[[Callable[[], None], Callable[[], None], Callable[[], None], int], list[float]]


class Engine(Protocol):
    """What is measured: a loaded model."""

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> Any:
        """Return vectors (N, D), float32. They may be unevaluated."""

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return the token ids of each text that the model gets."""

    def count(self, texts: Sequence[str]) -> int:
        """Count the real tokens of all texts together that the model gets."""

    def spied(self, texts: Sequence[str]) -> Spied:
        """Encode; return the vectors, the tokens that the model got, and the bits of its hidden states."""

    def with_max_tokens(self, max_tokens: int) -> "Engine":
        """Return the same model with a lower limit in tokens."""


def in_host_memory(vectors: Any) -> Vectors:
    """Return vectors as an array in host memory. This computes what was not evaluated yet."""
    return np.array(vectors)


def check_vectors(vectors: Any, shape: tuple[int, int]) -> None:
    """Check the vectors of a round.

    Raises:
        GateError: it is not a unit vector (D,) in float32 for each of N texts, shape (N, D).

    """
    if vectors.shape != shape or vectors.dtype != np.float32:
        raise GateError("encode", f"gave {vectors.dtype} {vectors.shape}", hint=f"float32 {shape}")
    lengths = np.linalg.norm(vectors, axis=1)
    if not np.abs(lengths - 1).max() <= LENGTH:  # refuses a NaN too
        raise GateError("encode", f"a vector has length {lengths.min():g}", hint="run pytest -m quality")


def by_clock(clock: Callable[[], float]) -> Timed:
    """Return a function that times rounds without pytest-benchmark."""

    def timed(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        seconds = []
        for _ in range(rounds):
            prepare()
            start = clock()
            work()
            seconds.append(clock() - start)
            after()
        return seconds

    return timed


def watched(timed: Timed, clock: Callable[[], float], elapsed: list[float]) -> Timed:
    """Time rounds; append to ``elapsed`` the seconds from the end of each preparation to the round's end."""

    def watch(
        prepare: Callable[[], None], work: Callable[[], None], after: Callable[[], None], rounds: int
    ) -> list[float]:
        ready = 0.0

        def prepared() -> None:
            nonlocal ready
            prepare()
            ready = clock()

        def over() -> None:
            elapsed.append(clock() - ready)
            after()

        return timed(prepared, work, over, rounds)

    return watch


class Meter:
    """Times one model.

    seen: the process's register of texts. seed: of the drawn texts: the model's name.
    warm_ups: untimed calls of a shape before its first round.
    """

    def __init__(
        self,
        engine: Engine,
        seen: Seen,
        *,
        seed: str = "",
        warm_ups: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.engine, self.seen, self._seed = engine, seen, seed
        self.texts = FreshTexts(engine.tokenize, seen, seed)
        self._warm_ups, self._clock = warm_ups, clock
        self._calls: Counter[tuple[int, int]] = Counter()

    def warm_up(self, batch: int, length: int) -> None:
        """Encode texts of a shape, untimed."""
        for _ in range(self._warm_ups):
            self._encode_new(self.texts(batch, length), length)

    def encoding(
        self, timed: Timed, kind: str, batch: int, length: int, rounds: int, *, cache: Any = None
    ) -> Record:
        """Time rounds of new texts. With a cache: of texts that it holds, and of the same without it."""
        self.warm_up(batch, length)
        record = Record(kind, batch, length, warm_ups=self._calls[batch, length])
        texts: list[str] = []
        vectors: Vectors = np.empty(0, np.float32)
        sampled: dict[str, Vectors] = {}

        def prepare() -> None:
            nonlocal texts
            texts = self.texts(batch, length)
            if cache is None:
                self.seen.claim(texts)
            else:
                record.uncached += self._once(texts)
                self.engine.encode(texts, cache=cache)
                self.seen.again(texts)

        def work() -> None:
            nonlocal vectors
            vectors = in_host_memory(self.engine.encode(texts, cache=cache))

        def after() -> None:
            self._check(vectors, batch)
            row = len(sampled) % batch
            sampled[texts[row]] = np.array(vectors)[row]

        record.seconds = watched(timed, self._clock, record.elapsed)(prepare, work, after, rounds)
        self._calls[batch, length] += rounds
        record.tokens = self.engine.count(texts)
        untimed, record.seen, record.bits = self.engine.spied(texts)
        again = self.engine.encode(list(sampled))  # in a batch of another size than in the rounds
        pairs = [(untimed, vectors), (again, list(sampled.values()))]
        record.stray = max(float(np.abs(np.array(one) - np.array(other)).max()) for one, other in pairs)
        return record

    def tokenization(self, timed: Timed, batch: int, length: int, rounds: int) -> Record:
        """Time rounds that only tokenize new texts."""
        record = Record("tokenization", batch, length)
        texts: list[str] = []

        def prepare() -> None:
            nonlocal texts
            texts = self.texts(batch, length)
            self.seen.claim(texts)

        def work() -> None:
            self.engine.tokenize(texts)

        record.seconds = watched(timed, self._clock, record.elapsed)(prepare, work, _nothing, rounds)
        record.tokens = self.engine.count(texts)
        return record

    def probe(self, batch: int, length: int, rounds: int) -> Probe:
        """Time four kinds of texts in turns: new, repeated, of another seed, and a quarter as many."""
        repeated, other = (
            self.texts(batch, length),
            FreshTexts(self.engine.tokenize, self.seen, f"{self._seed}, the other"),
        )
        self.warm_up(batch // 4, length)
        self._encode_new(repeated, length)
        arms: dict[str, Callable[[], list[float]]] = {
            "new": lambda: self._once(self.texts(batch, length)),
            "repeated": lambda: self._once(repeated, again=True),
            "other_seed": lambda: self._once(other(batch, length)),
            "quarter": lambda: self._once(self.texts(batch // 4, length)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        names = list(arms)
        for number in range(rounds):
            for name in names[number % 4 :] + names[: number % 4]:
                seconds[name] += arms[name]()
        return Probe(batch, length, **seconds)

    def uneven(self, longest: int) -> tuple[int, int]:
        """Return the counted tokens of texts of many lengths, and the tokens that the model got.

        longest: the limit in tokens for these texts. One text is longer, and is cut.
        """
        texts = [self.texts(1, length)[0] for length in (longest // 4, longest // 2, longest, 2 * longest)]
        self.seen.claim(texts)
        cut = self.engine.with_max_tokens(longest)
        return cut.count(texts), cut.spied(texts).tokens

    def _once(self, texts: list[str], *, again: bool = False) -> list[float]:
        """Time one round by the meter's own clock, without the cache."""
        (self.seen.again if again else self.seen.claim)(texts)
        vectors: Vectors = np.empty(0, np.float32)

        def work() -> None:
            nonlocal vectors
            vectors = in_host_memory(self.engine.encode(texts))

        return by_clock(self._clock)(_nothing, work, lambda: self._check(vectors, len(texts)), 1)

    def _encode_new(self, texts: list[str], length: int) -> None:
        self.seen.claim(texts)
        self._check(in_host_memory(self.engine.encode(texts)), len(texts))
        self._calls[len(texts), length] += 1

    def _check(self, vectors: Vectors, batch: int) -> None:
        check_vectors(vectors, (batch, self.engine.dimension))


LENGTH = 1e-3  # float32 differs by 5e-7 (the gate's check norm); this bound is for every precision


def _nothing() -> None:
    pass
