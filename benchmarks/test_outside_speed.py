"""What is measured of another subject (--subject). How is not decided here: see meter.py, and plan.py."""

import pytest

from benchmarks.harness.bench import Measure
from benchmarks.harness.plan import SHORT

needs = pytest.mark.needs


def test_throughput(measure: Measure, shape: tuple[int, int]) -> None:
    """Real tokens/s of new texts, by texts in a call and tokens of each."""
    measure.throughput(*shape)


def test_latency(measure: Measure) -> None:
    """One new short text at a time: one client."""
    measure.latency(SHORT)


@needs("endpoint")
def test_clients(measure: Measure, clients: int) -> None:
    """Many clients at once, each with one new short text after another."""
    measure.clients(clients)


@needs("endpoint")
def test_json(measure: Measure) -> None:
    """What this side does with JSON."""
    measure.json()


@needs("endpoint")
def test_no_text(measure: Measure) -> None:
    """HTTP, and no model."""
    measure.no_text()
