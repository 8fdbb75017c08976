"""The audits by hand, and the meter, on a model that takes a known time of a clock that nothing else moves.

Timing faults are injected in tests/faults/, into the real engine and model.
"""

import math
from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.audits import AUDITS, judge, thresholds
from benchmarks.harness.clock import by_clock
from benchmarks.harness.findings import Findings, Reported
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.intervals import median_interval
from benchmarks.harness.meter import Meter
from benchmarks.harness.records import PERCENTILES, Probe, Record, Spied
from embedding_gate.errors import GateError, InputError
from embedding_gate.roofline import Device
from embeddings.tokens import TokenizedTexts
from tests.faults.catalogue import FAULTS
from tests.faults.simulated import RULES

FLOPS, PEAK = 1e6, 2e9  # of a token; of the device, in a second
SHAPE, ROUNDS = (8, 16), 9


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


def findings(model: Model) -> Findings:
    """Measure two shapes and all that the audits need, as bench.py does."""
    measuring = Meter(model, Seen(), clock=model.clock)
    found = Findings("float32", lambda _: FLOPS, peak=PEAK)
    for kind, batch in (("latency", 1), ("throughput", SHAPE[0])):
        record = measuring.encoding(by_clock(model.clock), kind, batch, SHAPE[1], ROUNDS)
        found.records.append(record)
        found.reported.append(Reported(kind, record.rate, batch * SHAPE[1], record.seconds))
    found.probe = measuring.probe(*SHAPE, ROUNDS)
    found.uneven = measuring.uneven(32)
    return found


def red(found: Findings) -> set[str]:
    """Name the audits that fail."""
    gate = judge("a model", found)
    assert not gate.unread
    return {verdict.check for verdict in gate.red}


def test_a_right_run_passes() -> None:
    found = findings(Model(Clock()))
    assert red(found) == set()
    assert found.share(found.records[1], PEAK) == pytest.approx(0.5)
    assert found.records[1].rate == pytest.approx(PEAK / FLOPS / 2)


def test_every_audit_is_named_by_a_fault() -> None:
    """Whether they are killed is asked there: ``pytest -m faults -k at_time``."""
    named = {check for fault in FAULTS if fault.where == "time" for check in fault.killers}
    assert named == {*AUDITS, RULES}


def test_what_was_not_run_is_red() -> None:
    found = findings(Model(Clock()))
    found.probe = found.uneven = None
    assert red(found) == {"repeated texts", "second seed", "growing work", "real tokens"}
    nothing = Findings("float32", lambda _: FLOPS, peak=PEAK)
    assert red(nothing) == set(thresholds(nothing))


@pytest.mark.parametrize(("count", "place"), [(7, 0), (8, 0), (11, 1), (15, 2), (64, 22)])
def test_interval_of_the_median(count: int, place: int) -> None:
    """The binomial by hand: at most 1 % lies beyond this order statistic, and more beyond the next."""
    values = [float(value) for value in range(count)]
    assert median_interval(values[::-1]) == (place, count - 1 - place)
    tails = [sum(math.comb(count, k) for k in range(n)) / 2**count for n in (place + 1, place + 2)]
    assert tails[0] <= 0.01 < tails[1]
    assert median_interval(values[:6]) == (-math.inf, math.inf)


def test_noise_is_no_alarm() -> None:
    """Repeated texts 8 % faster, or 30 % in a third of the turns: neither is surely more than a tenth."""
    found = findings(Model(Clock()))
    ones = [1.0] * 9
    for repeated in ([1 / 1.08] * 9, [1 / 1.3] * 3 + ones[3:], [1 / 1.3] * 8 + [1.0]):
        found.probe = Probe(*SHAPE, ones, repeated, ones, [0.1] * 9)
        assert "repeated texts" not in red(found)
    for repeated in ([1 / 1.11] * 9, [1.11] * 9):
        found.probe = Probe(*SHAPE, ones, repeated, ones, [0.1] * 9)
        assert red(found) == {"repeated texts"}


@pytest.mark.parametrize(("share", "alarms"), [(0.96, set()), (0.94, {"wall time"}), (1.06, {"wall time"})])
def test_seconds_that_are_not_those_that_passed(share: float, alarms: set[str]) -> None:
    """4 % left out is no alarm; 6 %, and 6 % too many, are."""
    found = findings(Model(Clock()))
    record = found.records[0]
    assert record.elapsed == record.seconds
    record.elapsed = [seconds / share for seconds in record.seconds]
    assert red(found) == alarms


def test_a_round_that_is_missing() -> None:
    found = findings(Model(Clock()))
    found.records[0].seconds.pop()
    assert red(found) == {"wall time"}


def test_a_finer_precision_is_no_alarm() -> None:
    found = findings(Model(Clock()))
    found.precision = "bfloat16"
    assert red(found) == set()
    found.precision, found.records[0].bits = "float32", 16
    assert red(found) == {"precision"}


@pytest.mark.parametrize(("peak", "alarms"), [(PEAK, set()), (PEAK / 1.5, {"device peak"})])
def test_the_chip_bounds_rates_and_products(peak: float, alarms: set[str]) -> None:
    """The model reaches half of PEAK, the session's matrix product all of it."""
    found = findings(Model(Clock()))
    found.device = Device("a chip", "chips", ("a chip",), "2020-01", {"float32": peak}, "a test")
    assert red(found) == alarms
    found.peak = peak
    assert red(found) == set()


def test_no_text_is_shown_twice() -> None:
    model, seen = Model(Clock()), Seen()
    texts = FreshTexts(model.tokenize, seen)(40, 9)
    assert len(set(texts)) == 40
    assert set(model.tokenize(texts).lengths) == {9}
    seen.claim(texts)
    with pytest.raises(InputError, match="one was shown before"):
        seen.claim(texts[:1])
    with pytest.raises(InputError, match="one was shown before"):
        seen.claim(["twice", "twice"])
    seen.again(texts)
    with pytest.raises(InputError, match="that is to be shown again is new"):
        seen.again(["never shown"])
    assert not set(FreshTexts(model.tokenize, seen)(40, 9)) & set(texts)  # the same seed draws on


def test_models_of_one_tokenizer_draw_texts_of_their_own() -> None:
    """Three sizes in one process: the second drew what the first had been shown, and found none new."""
    clock, seen = Clock(), Seen()
    for name in ("one size", "another"):
        Meter(Model(clock), seen, seed=name, clock=clock).encoding(by_clock(clock), "latency", 1, 16, 120)
    again = Meter(Model(clock), seen, seed="another", clock=clock)
    with pytest.raises(InputError, match="no 1 new ones"):
        again.encoding(by_clock(clock), "latency", 1, 16, 1)


def test_texts_that_there_are_not() -> None:
    with pytest.raises(InputError, match="no 5000 new ones of exactly 2 tokens"):
        FreshTexts(Model(Clock()).tokenize, Seen())(5000, 2)
    letters = Model(Clock())
    letters.tokenize = lambda texts: TokenizedTexts(  # type: ignore[method-assign]
        [np.zeros(len(text) ** 2, np.int32) for text in texts], np.zeros(len(texts), np.int64)
    )
    with pytest.raises(InputError, match="no 1 new ones of exactly 5 tokens"):
        FreshTexts(letters.tokenize, Seen())(1, 5)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.ones((1, 3), np.float32) / np.float32(3**0.5), "gave float32 (1, 3)"),
        (np.ones((8, 3)) / 3**0.5, "gave float64 (8, 3)"),
        (np.ones((8, 3), np.float32), "a vector has length 1.73"),
        (np.full((8, 3), np.nan, np.float32), "a vector has length nan"),
    ],
)
def test_what_a_round_returned_is_looked_at(vectors: NDArray[Any], words: str) -> None:
    model = Model(Clock())
    measuring = Meter(model, Seen(), clock=model.clock)
    model.run = lambda texts: vectors  # type: ignore[method-assign]  # noqa: ARG005
    with pytest.raises(GateError, match=words.replace("(", r"\(").replace(")", r"\)")):
        measuring.warm_up(*SHAPE)


def test_the_cache_beside_the_same_texts_without_it() -> None:
    model = Model(Clock())
    held: dict[str, NDArray[np.float32]] = {}

    def cache(texts: Sequence[str]) -> NDArray[np.float32]:
        model.clock.now += 1e-3
        held.update(
            {text: row for text, row in zip(texts, model.run(texts), strict=True) if text not in held}
        )
        if all(text in held for text in texts):
            return np.array([held[text] for text in texts])
        return model.run(texts)

    measuring = Meter(model, Seen(), clock=model.clock)
    record = measuring.encoding(by_clock(model.clock), "cache: memory", *SHAPE, 3, cache=cache)
    assert len(record.uncached) == len(record.seconds) == 3
    assert record.stray == 0


def test_percentiles_need_rounds() -> None:
    def percentiles(rounds: int) -> set[int]:
        return set(Record("latency", 1, 16, seconds=[1.0] * rounds).percentiles)

    assert [percentiles(rounds) for rounds in (63, 64, 129, 130, 661)] == [
        set(),
        {90},
        {90},
        {90, 95},
        {90, 95},
    ]
    assert percentiles(662) == {90, 95, 99}
    for percent, rounds in PERCENTILES.items():
        p = percent / 100
        least, fewer = (p**n + n * (1 - p) * p ** (n - 1) for n in (rounds, rounds - 1))
        assert least <= 0.01 < fewer
    ramp = Record("latency", 1, 16, seconds=[float(n) for n in range(1, 100)])
    assert ramp.percentiles[90] == pytest.approx(90)
