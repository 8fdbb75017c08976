"""Two calls overlap in one order, whatever the scheduler does."""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.faults.overlap import Overlap


@pytest.fixture(params=[1e-6, 10.0], ids=["threads change at once", "threads never change by themselves"])
def _switching(request: pytest.FixtureRequest) -> Iterator[None]:
    before = sys.getswitchinterval()
    sys.setswitchinterval(request.param)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_switching")
@pytest.mark.parametrize("threads", [2, 8])
def test_the_second_call_falls_into_the_middle_of_the_first(threads: int) -> None:
    overlap, pending = Overlap(), [-1]

    def call(number: int) -> bool:
        """Read what was written; a call that overlaps another reads the other's."""
        overlap.enter()
        pending[0] = number
        overlap.interfered()
        overlap.middle()
        return pending[0] == number

    for _ in range(3):  # checks, each with threads of its own; the main thread calls between them
        with ThreadPoolExecutor(threads) as pool:
            assert not all(pool.map(call, range(threads)))
        assert call(0)


def test_a_call_of_the_main_thread_waits_for_nobody() -> None:
    overlap = Overlap()
    for _ in range(3):
        overlap.enter()
        overlap.interfered()
        overlap.middle()
