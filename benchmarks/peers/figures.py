"""Computes the figures of the decoder benchmark: extrapolation, targets and their verdicts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

SIZES = ("0.6b", "4b", "8b")


def extrapolate(one: float, two: float, layers: int) -> float:
    """Return the seconds of all layers, computed from the seconds of one layer and of two layers.

    The difference of the two is the time of a layer. Embedding, norm and pooling are in both times, so they
    are counted once.

    Raises:
        ValueError: two layers did not take longer than one, so something else disturbed the timing.

    """
    if not two > one:
        raise ValueError(f"two layers took {two:.3g} s, one {one:.3g} s: measure again on a quiet machine")
    return one + (layers - 1) * (two - one)


class FreshIds:
    """Random token ids. No text comes twice. The same seed gives the same ids."""

    def __init__(self, vocabulary: int, seed: int = 0) -> None:
        self._vocabulary, self._random = vocabulary, np.random.default_rng(seed)
        self._used: set[bytes] = set()

    def __call__(self, rows: int, tokens: int) -> NDArray[np.int32]:
        """Return ids (rows, tokens), int32. Each row differs from all earlier rows.

        Raises:
            ValueError: the vocabulary is too small for so many different texts of this length.

        """
        texts: list[NDArray[np.int32]] = []
        for _ in range(100 * rows):
            text = self._random.integers(0, self._vocabulary, tokens, dtype=np.int32)
            if (key := text.tobytes()) not in self._used:
                self._used.add(key)
                texts.append(text)
                if len(texts) == rows:
                    return np.stack(texts)
        raise ValueError(f"no {rows} new texts of {tokens} ids below {self._vocabulary}; take longer ones")


@dataclass
class Measured:
    """The measurements of one engine.

    rates: tokens/s of each round. latencies: seconds of each short text. cosine: to the vectors of the gate.
    """

    extrapolated: bool = False
    rates: list[float] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    cosine: float | None = None

    @property
    def rate(self) -> float:
        """The median rate of the rounds, in tokens/s."""
        return median(self.rates)

    @property
    def latency(self) -> float | None:
        """The median latency in seconds; None if it was not measured."""
        return median(self.latencies) if self.latencies else None

    def slower(self, gate: "Measured") -> tuple[float, float, float]:
        """Return the gate's tokens/s divided by this engine's: median, minimum and maximum of the rounds."""
        ratios = [ours / theirs for ours, theirs in zip(gate.rates, self.rates, strict=True)]
        return median(ratios), min(ratios), max(ratios)


@dataclass(frozen=True)
class Target:
    """A threshold for one figure, on one class of device and for one batch shape."""

    size: str
    figure: str  # "tokens/s", "speed" (gate over the peer) or "latency" (gate's over the peer's)
    threshold: float  # the smallest allowed value; for a latency the largest
    peer: str = ""
    device: str = "H100"
    batch: tuple[int, int] = (128, 128)  # rows, tokens

    def __str__(self) -> str:
        what = {"tokens/s": "gate tokens/s", "speed": f"gate over {self.peer}"}
        named = what.get(self.figure, f"latency, gate over {self.peer}")
        return f"{self.size} {named} {'<=' if self.figure == 'latency' else '>='} {self.threshold:,g}"

    def measure(self, measured: Mapping[str, Measured]) -> float | None:
        """Return the figure; None if an engine or its latency was not measured."""
        gate, peer = measured["gate"], measured.get(self.peer)
        if self.figure == "tokens/s":
            return gate.rate
        if peer is None:
            return None
        if self.figure == "speed":
            return peer.slower(gate)[0]
        return gate.latency / peer.latency if gate.latency and peer.latency else None

    def verdict(self, measured: Mapping[str, Measured], device: str, batch: tuple[int, int]) -> str:
        """Return "met" or "MISSED" with the figure, or "not judged" with the reason."""
        if device != self.device:
            return f"not judged: it is for {self.device}, this is {device}"
        if batch != self.batch:
            return "not judged: it is for {} texts x {} tokens".format(*self.batch)
        if (value := self.measure(measured)) is None:
            return f"not judged: {self.peer} was not measured"
        met = value <= self.threshold if self.figure == "latency" else value >= self.threshold
        return f"{'met' if met else 'MISSED'}: {value:,.4g}"


def _of_sizes(figure: str, thresholds: tuple[float, ...], peer: str = "") -> tuple[Target, ...]:
    return tuple(
        Target(size, figure, threshold, peer) for size, threshold in zip(SIZES, thresholds, strict=True)
    )


TARGETS: tuple[Target, ...] = (
    *_of_sizes("tokens/s", (400_000, 71_800, 41_100)),
    *_of_sizes("speed", (2, 3, 4), "mlx-lm"),
    *_of_sizes("speed", (1.2, 1.2, 1.2), "torch"),
    Target("0.6b", "speed", 1, "torch.compile"),
    *_of_sizes("latency", (1.05, 1.05, 1.05), "mlx-lm"),
    Target("0.6b", "speed", 30, "mlx-lm", device="CPU", batch=(8, 128)),
)


def device_class(backend: str, name: str) -> str:
    """Return the class of the device, as targets name it.

    An H200 is of class H100, because both have the same speed of matrix products.
    """
    if backend == "cpu":
        return "CPU"
    return "H100" if any(chip in name for chip in ("H100", "H200")) else name
