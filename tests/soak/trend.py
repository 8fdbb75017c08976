"""Tells whether a series of figures grows, by the slope of a straight line and its interval."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Trend", "trend"]

BLOCKS = (
    20  # means that the line is put through: neighbours in time are alike, so single figures say too much
)
T_95 = 2.101  # Student's t of BLOCKS - 2 degrees of freedom, two-sided


@dataclass(frozen=True)
class Trend:
    """How much a figure grows from the first to the last value of a series.

    low, high: the 95 % interval. mean: of the figure. limit: how much it may grow.
    """

    name: str
    growth: float
    low: float
    high: float
    mean: float
    limit: float
    unit: str

    @property
    def red(self) -> bool:
        """Whether it surely grows by more than it may. NaN is red."""
        return not self.low <= self.limit

    def __str__(self) -> str:
        verdict = "GROWS" if self.red else "flat"
        shown = f"{self.growth:+,.1f} ({self.low:+,.1f} to {self.high:+,.1f}) {self.unit} of {self.mean:,.1f}"
        return f"  {self.name:<26} {shown:<52} at most {self.limit:,.1f}: {verdict}"


def trend(name: str, values: Sequence[float], *, limit: float, unit: str, warm_up: float = 0.2) -> Trend:
    """Return the trend of a series after its first part, the warm-up."""
    kept = np.asarray(values, dtype=np.float64)[int(warm_up * len(values)) :]
    means = np.array([block.mean() for block in np.array_split(kept, BLOCKS)])
    x = np.linspace(-0.5, 0.5, BLOCKS)
    slope = float(x @ means / (x @ x))
    rest = means - means.mean() - slope * x
    error = T_95 * float(np.sqrt(rest @ rest / (BLOCKS - 2) / (x @ x)))
    return Trend(name, slope, slope - error, slope + error, float(means.mean()), limit, unit)
