"""How often random faults die: on few runs. ``make faults`` makes many."""

import numpy as np
import pytest

from embedding_gate.checks import test_call_shapes as checks
from tests.faults.rates import Kind, Rate, after_calls, at_a_size, by_chance, rate_of


@pytest.mark.parametrize(
    ("kind", "died"),
    [
        (Kind("no fault", lambda _: lambda _: None, checks.test_many_calls, 2, 0.0), 0),
        (Kind("at a size", at_a_size(2, 2), checks.test_many_calls, 2, 1.0), 2),
        (Kind("at a size that no call has", at_a_size(5000, 6000), checks.test_many_calls, 2, 0.0), 0),
        (Kind("by threads", by_chance(50, threads=16), checks.test_many_threads, 2, 1.0), 2),
        (Kind("after calls", after_calls(1, 400), checks.test_many_calls, 2, 1.0), 2),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_the_checks_judge_a_table(kind: Kind, died: int) -> None:
    assert rate_of(kind).died == died


def test_a_run_draws_its_own_fault() -> None:
    """The same fault by the same number, and another one by another."""

    def struck(run: int) -> list[int]:
        spoil = by_chance(10)(np.random.default_rng(run))
        vectors = np.ones((200, 2), np.float32)
        spoil(vectors)
        return np.flatnonzero(vectors[:, 0] == 0).tolist()

    assert struck(1) == struck(1) != struck(2)


def test_a_share_is_said_with_its_interval() -> None:
    kind = Kind("a kind", at_a_size(1, 2), checks.test_many_calls, 200, 0.95)
    assert str(Rate(kind, 200)) == "a kind: 200 of 200 died, 100.0%  (98.2% to 100.0%)"
