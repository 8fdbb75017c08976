"""The audits by hand, on a model that takes a known time of a clock that nothing else moves.

Timing faults are injected in tests/faults/, into the real engine and model.
"""

import math

import pytest

from benchmarks.harness.audits import AUDITS, judge, thresholds
from benchmarks.harness.clock import by_clock
from benchmarks.harness.findings import Findings, Reported
from benchmarks.harness.fresh import Seen
from benchmarks.harness.intervals import median_interval
from benchmarks.harness.meter import Meter
from benchmarks.harness.records import Probe
from embedding_gate.roofline import Device
from tests.faults.catalogue import FAULTS
from tests.faults.simulated import RULES
from tests.support.timed_model import FLOPS, PEAK, Clock, Model

SHAPE, ROUNDS = (8, 16), 9


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
