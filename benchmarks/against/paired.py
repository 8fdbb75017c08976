"""Paired ratios: their median and its confidence interval."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ratio", "paired"]

DRAWS = 1999
CONFIDENCE = 0.90  # 5 % on the side that matters; besides, a red row must be red twice


@dataclass(frozen=True)
class Ratio:
    """Time of one tree divided by that of the other: the median of the rounds and its bootstrap interval."""

    ratio: float
    low: float
    high: float

    def slower(self, threshold: float) -> bool:
        """Return whether the whole interval lies above the threshold. The threshold 0.1 means 10 % slower."""
        return self.low > 1 + threshold

    def apart(self, threshold: float) -> bool:
        """Return whether the whole interval lies beyond the threshold, slower or faster."""
        return self.slower(threshold) or self.high < 1 / (1 + threshold)

    def __str__(self) -> str:
        return f"{self.ratio:.3f} ({self.low:.3f} to {self.high:.3f})"


def paired(log_ratios: NDArray[np.float64]) -> Ratio:
    """Return the median ratio of R rounds, from the logarithms of their ratios (R,).

    Its interval is the 90 % interval of the percentile bootstrap: the rounds are resampled with replacement,
    1,999 times, with a fixed seed (Efron and Tibshirani, "An introduction to the bootstrap", chapter 13).
    """
    rows = np.random.default_rng(0).integers(len(log_ratios), size=(DRAWS, len(log_ratios)))
    medians = np.median(log_ratios[rows], axis=1)
    low, high = np.quantile(medians, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Ratio(*(float(np.exp(value)) for value in (np.median(log_ratios), low, high)))
