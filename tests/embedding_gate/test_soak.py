"""What tells growth from noise in the soak."""

import ctypes
import subprocess
import sys

import numpy as np
import pytest

from embedding_gate.own_files import ROOT
from tests.soak.trend import trend


def noisy(growth: float, seed: int, count: int = 200) -> list[float]:
    draw = np.random.default_rng(seed)
    steps = np.cumsum(draw.choice([0, 0, 0, 0.2, -0.2], size=count))  # an allocator takes and gives back
    values: list[float] = (100 + growth * np.linspace(0, 1, count) + steps + draw.normal(size=count)).tolist()
    return values


@pytest.mark.parametrize("seed", range(20))
def test_growth_is_told_from_noise(seed: int) -> None:
    """20 MiB over the run are seen at a limit of 8; none is no growth."""
    assert trend("memory", noisy(30, seed), limit=8, unit="MiB").red
    assert not trend("memory", noisy(0, seed), limit=8, unit="MiB").red


def test_what_is_taken_once_is_no_growth() -> None:
    """In the warm-up, which is left out."""
    assert not trend("memory", [10.0] * 40 + [100.0] * 160, limit=1, unit="MiB").red
    assert trend("memory", [10.0] * 40 + [100.0] * 160, limit=1, unit="MiB", warm_up=0).red


def test_nan_is_red() -> None:
    assert trend("memory", [float("nan")] * 200, limit=1, unit="MiB").red


def test_the_line_that_is_printed() -> None:
    found = trend("threads", [2.0 + number for number in range(200)], limit=0.5, unit="")
    assert found.growth == pytest.approx(120, rel=0.01)
    assert str(found).endswith("at most 0.5: GROWS")


# In a process of its own: in this one, pieces that other tests have left free would be filled first.
FREE_BETWEEN_PIECES = """
from tests.soak.calls import kept
before = kept()
pieces = [bytearray(b"x" * 2000) for _ in range(20_000)]
print(kept() - before)
stay = pieces[::16]
del pieces
print(kept() - before)
"""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the allocator gives nothing back")
def test_memory_that_is_free_between_pieces_is_no_growth() -> None:
    """Of 40 MiB each sixteenth piece stays. The pages between them are free, and the allocator holds them."""
    command = [sys.executable, "-c", FREE_BETWEEN_PIECES]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    whole, left = map(float, done.stdout.split())
    assert whole > 30
    assert left < 15
