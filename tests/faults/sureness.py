"""How surely a fault is killed: how far its measurements lie beyond the thresholds."""

import math
from collections.abc import Iterable

from embedding_gate.verdicts.thresholds import Threshold, Verdict
from tests.faults.matrix import Outcome

__all__ = ["excess", "surest"]


def excess(verdict: Verdict, threshold: Threshold) -> float:
    """Return how far beyond its threshold a failed measurement lies.

    The unit is the distance between the threshold and the figure that it was set from, or the threshold
    itself if that is smaller, because a distance cannot be below 0. Both come from the file, so only the
    fault's own measurement depends on the machine. The result is infinite where no deviation is allowed, and
    where there was no number.
    """
    if not math.isfinite(verdict.measured) or 0 in (threshold.at_least, threshold.at_most):
        return math.inf
    limit = threshold.at_most if verdict.measured > threshold.at_most else threshold.at_least
    allowed = min(abs(limit - threshold.measured), abs(limit))
    return abs(verdict.measured - limit) / allowed if allowed else math.inf


def surest(outcomes: Iterable[Outcome]) -> tuple[str, float]:
    """Return the check that is surest of a fault in its weakest run, and its excess: 0 if none failed."""
    return min(map(_surest, outcomes), key=lambda found: found[1])


def _surest(outcome: Outcome) -> tuple[str, float]:
    found = [("", 0.0)]
    for verdict in outcome.red:
        threshold = outcome.thresholds.get(verdict.check)
        sure = math.inf if threshold is None else excess(verdict, threshold)
        found.append((verdict.check.partition(":")[0], sure))
    return max(found, key=lambda pair: pair[1])
