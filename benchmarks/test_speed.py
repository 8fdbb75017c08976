"""What is measured of each model. How is not decided here: see meter.py for the rules, plan.py for shapes."""

from pathlib import Path

import pytest

from benchmarks.harness.bench import Measure
from benchmarks.harness.plan import SHORT


def test_throughput(measure: Measure, shape: tuple[int, int]) -> None:
    """Real tokens/s of new texts, by texts in a call and tokens of each."""
    measure.throughput(*shape)


def test_latency(measure: Measure) -> None:
    """One new short text at a time."""
    measure.latency(SHORT)


@pytest.mark.parametrize("where", ["memory", "SQLite"])
def test_cache(measure: Measure, where: str, tmp_path: Path) -> None:
    """Texts that the cache holds, beside the same texts without it."""
    measure.cached(where, tmp_path)


def test_tokenization(measure: Measure) -> None:
    """Texts to token ids."""
    measure.tokenization()


def test_load(measure: Measure) -> None:
    """A new process loads the model and encodes one long text."""
    measure.load()
