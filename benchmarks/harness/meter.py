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
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.clock import Timed, by_clock, watched
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.records import Probe, Record, Spied
from embedding_gate.errors import GateError
from embeddings.tokens import TokenizedTexts

__all__ = ["Engine", "Meter", "check_vectors", "in_host_memory"]

Vectors = NDArray[np.float32]
Encode = Callable[[Sequence[str]], Any]  # texts to vectors (N, D)


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
        self._warm_ups, self.clock = warm_ups, clock
        self._calls: Counter[tuple[int, int]] = Counter()

    def warm_up(self, batch: int, length: int, encode: Encode | None = None) -> None:
        """Encode texts of a shape, off the clock."""
        for _ in range(self._warm_ups):
            self._encode_new(self.texts(batch, length), length, encode)

    def encoding(
        self,
        timed: Timed,
        kind: str,
        batch: int,
        length: int,
        rounds: int,
        *,
        cache: Any = None,
        encode: Encode | None = None,
    ) -> Record:
        """Time rounds of encoding new texts; with a cache, of texts it holds, beside the same without.

        encode: how rounds encode, where it is not one call of the engine for each.
        """
        encode = encode or partial(self.engine.encode, cache=cache)
        self.warm_up(batch, length, encode)
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
            vectors = in_host_memory(encode(texts))

        def after() -> None:
            self._check(vectors, batch)
            row = len(sampled) % batch
            sampled[texts[row]] = np.array(vectors)[row]

        record.seconds = watched(timed, self.clock, record.elapsed)(prepare, work, after, rounds)
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

        record.seconds = watched(timed, self.clock, record.elapsed)(prepare, work, _nothing, rounds)
        record.tokens = self.engine.count(texts)
        return record

    def probe(self, batch: int, length: int, rounds: int, *, quarter: tuple[int, int] | None = None) -> Probe:
        """Time new, repeated, otherwise seeded and fewer texts in turns, each turn in another order.

        quarter: the shape of a quarter of the work; usually a quarter of the texts.
        """
        quarter = quarter or (batch // 4, length)
        repeated, other = (
            self.texts(batch, length),
            FreshTexts(self.engine.tokenize, self.seen, f"{self._seed}, the other"),
        )
        self.warm_up(*quarter)
        self._encode_new(repeated, length)
        arms: dict[str, Callable[[], list[float]]] = {
            "new": lambda: self._once(self.texts(batch, length)),
            "repeated": lambda: self._once(repeated, again=True),
            "other_seed": lambda: self._once(other(batch, length)),
            "quarter": lambda: self._once(self.texts(*quarter)),
        }
        seconds: dict[str, list[float]] = {name: [] for name in arms}
        names = list(arms)
        for number in range(rounds):
            for name in names[number % 4 :] + names[: number % 4]:
                seconds[name] += arms[name]()
        return Probe(batch, length, **seconds, less=quarter)

    def uneven(self, longest: int) -> tuple[int, int]:
        """Return the counted tokens of texts of many lengths, and the tokens that the model got.

        longest: the limit in tokens for these texts. One text is longer, and is cut.
        """
        texts = [self.texts(1, length)[0] for length in (longest // 4, longest // 2, longest, 2 * longest)]
        self.seen.claim(texts)
        cut = self.engine.with_max_tokens(longest)
        seen = cut.spied(texts).tokens
        assert seen is not None  # only what shows its inside is asked
        return cut.count(texts), seen

    def _once(self, texts: list[str], *, again: bool = False) -> list[float]:
        """Time one round by the meter's own clock, without the cache."""
        (self.seen.again if again else self.seen.claim)(texts)
        vectors: Vectors = np.empty(0, np.float32)

        def work() -> None:
            nonlocal vectors
            vectors = in_host_memory(self.engine.encode(texts))

        return by_clock(self.clock)(_nothing, work, lambda: self._check(vectors, len(texts)), 1)

    def _encode_new(self, texts: list[str], length: int, encode: Encode | None = None) -> None:
        self.seen.claim(texts)
        self._check(in_host_memory((encode or self.engine.encode)(texts)), len(texts))
        self._calls[len(texts), length] += 1

    def _check(self, vectors: Vectors, batch: int) -> None:
        check_vectors(vectors, (batch, self.engine.dimension))


LENGTH = 1e-3  # float32 differs by 5e-7 (the gate's check norm); this bound is for every precision


def _nothing() -> None:
    pass
