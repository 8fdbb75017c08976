"""Between which values a median surely lies, and by how much two series of times surely differ."""

import math
from collections.abc import Sequence
from statistics import median

__all__ = ["APART", "median_interval", "surely"]

CONFIDENCE = 0.98
APART = 1.1  # times: 10 % is caching (MLPerf's TEST04)


def median_interval(values: Sequence[float]) -> tuple[float, float]:
    """Return between which order statistics the true median lies, at 98 %: the sign test's interval.

    It asks nothing of the distribution (Conover, "Practical nonparametric statistics", section 3.2), so a
    spell in which the machine did something else moves it by a rank and no more. Seven values at least.
    """
    ordered, rank = sorted(values), 0
    tail, total = 0, 2 ** len(ordered)
    while (tail := tail + math.comb(len(ordered), rank)) / total <= (1 - CONFIDENCE) / 2:
        rank += 1
    return (ordered[rank - 1], ordered[-rank]) if rank else (-math.inf, math.inf)


def surely(slower: Sequence[float], faster: Sequence[float]) -> tuple[float, str]:
    """Return the least of the interval of the median ratio of paired times, and the whole of it in words."""
    ratios = [one / other for one, other in zip(slower, faster, strict=True)]
    low, high = median_interval(ratios)
    return low, f"median {median(ratios):.3f}, surely {low:.3f} to {high:.3f}"
