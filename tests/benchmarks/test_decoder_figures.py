"""The figures of the decoder benchmark by hand: extrapolation, ratios, targets and verdicts."""

import numpy as np
import pytest

from benchmarks.peers.figures import (
    TARGETS,
    FreshIds,
    Measured,
    Target,
    device_class,
    extrapolate,
)

BATCH = (128, 128)


def test_extrapolation() -> None:
    # embedding and the like 0.5 s, a layer 2 s
    assert extrapolate(2.5, 4.5, 28) == pytest.approx(0.5 + 28 * 2)
    assert extrapolate(2.5, 4.5, 1) == 2.5
    with pytest.raises(ValueError, match="quiet machine"):
        extrapolate(2.5, 2.5, 28)


def test_no_text_comes_twice() -> None:
    fresh = FreshIds(vocabulary=4)
    drawn = [tuple(text) for _ in range(4) for text in fresh(4, 2).tolist()]
    assert len(set(drawn)) == 16  # all that there are
    with pytest.raises(ValueError, match="no 1 new texts of 2 ids below 4"):
        fresh(1, 2)
    np.testing.assert_array_equal(FreshIds(1000, seed=3)(2, 8), FreshIds(1000, seed=3)(2, 8))


def measured(rate: float, latency: float = 0.01) -> Measured:
    return Measured(rates=[rate] * 3, latencies=[latency])


@pytest.mark.parametrize(
    ("target", "verdict"),
    [
        (Target("4b", "tokens/s", 1000), "met: 1,000"),
        (Target("4b", "tokens/s", 1001), "MISSED: 1,000"),
        (Target("4b", "speed", 4, "mlx-lm"), "met: 4"),
        (Target("4b", "speed", 4.1, "mlx-lm"), "MISSED: 4"),
        (Target("4b", "speed", 1.2, "torch"), "not judged: torch was not measured"),
        (Target("4b", "latency", 2, "mlx-lm"), "met: 2"),
        (Target("4b", "latency", 1.9, "mlx-lm"), "MISSED: 2"),
        (Target("4b", "tokens/s", 1, device="CPU"), "not judged: it is for CPU, this is H100"),
        (Target("4b", "tokens/s", 1, batch=(4, 128)), "not judged: it is for 4 texts x 128 tokens"),
    ],
)
def test_verdicts(target: Target, verdict: str) -> None:
    engines = {"gate": measured(1000, latency=0.02), "mlx-lm": measured(250, latency=0.01)}
    assert target.verdict(engines, "H100", BATCH) == verdict


def test_a_nan_meets_no_target() -> None:
    for figure in ("tokens/s", "latency"):
        target = Target("4b", figure, 1, "mlx-lm")
        engines = {"gate": measured(float("nan"), float("nan")), "mlx-lm": measured(1.0)}
        assert target.verdict(engines, "H100", BATCH).startswith("MISSED")


def test_targets_and_devices() -> None:
    assert str(TARGETS[0]) == "0.6b gate tokens/s >= 400,000"
    assert str(TARGETS[5]) == "8b gate over mlx-lm >= 4"
    assert device_class("cuda", "NVIDIA H100 80GB HBM3") == "H100"
    assert device_class("metal", "Apple M4 Max") == "Apple M4 Max"
    assert device_class("cpu", "H100's host") == "CPU"


def test_the_ratio_is_that_of_rounds() -> None:
    """A slow round meets both engines, and the ratio does not see it."""
    gate, peer = Measured(rates=[100, 50, 120]), Measured(rates=[50, 25, 40])
    assert peer.slower(gate) == (2, 2, 3)
