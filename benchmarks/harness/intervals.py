"""Confidence intervals of medians, and of the ratio of two series of times."""

import math
from collections.abc import Sequence
from statistics import median

__all__ = ["APART", "median_interval", "surely"]

CONFIDENCE = 0.98
APART = 1.1  # a ratio: 10 % faster counts as caching (MLPerf's TEST04)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return the 98 % interval of the true median: two order statistics, by the sign test.

    The interval assumes nothing about the distribution (Conover, "Practical nonparametric statistics",
    section 3.2). So a period in which the machine did other work moves it by one rank at most. At least seven
    values are needed.
    """
    ordered, rank = sorted(values), 0
    tail, total = 0, 2 ** len(ordered)
    while (tail := tail + math.comb(len(ordered), rank)) / total <= (1 - CONFIDENCE) / 2:
        rank += 1
    return (ordered[rank - 1], ordered[-rank]) if rank else (-math.inf, math.inf)


def surely(slower: Sequence[float], faster: Sequence[float]) -> tuple[float, str]:
    """Return the lower end of the interval of the median ratio of paired times, and the interval as text."""
    ratios = [one / other for one, other in zip(slower, faster, strict=True)]
    low, high = median_interval(ratios)
    return low, f"median {median(ratios):.3f}, surely {low:.3f} to {high:.3f}"
