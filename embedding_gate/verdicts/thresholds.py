"""A threshold, the measurement that it was set from, and the verdict that it gives."""

import math
from dataclasses import dataclass, field
from typing import Literal

__all__ = [
    "ANY_MODEL",
    "NOT_APPLICABLE",
    "NOT_CALIBRATED",
    "NOT_OFFERED",
    "UNJUDGED",
    "Outcome",
    "Threshold",
    "Verdict",
]

ANY_MODEL = "any"
Outcome = Literal["pass", "FAIL", "ERROR", "not calibrated", "not offered", "not applicable"]
NOT_CALIBRATED: Outcome = "not calibrated"  # no golden or no threshold of this model
NOT_OFFERED: Outcome = "not offered"  # the subject does not offer what the check needs
NOT_APPLICABLE: Outcome = "not applicable"  # the claim is not about this kind of model or run
UNJUDGED = (NOT_CALIBRATED, NOT_OFFERED, NOT_APPLICABLE)


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    required: the threshold in words, as "<= 2e-06".
    margin: how many times worse the measurement could get before the check fails. Below 1 it fails. It is
        infinite if the threshold is exact (a count that must be 0), and NaN if nothing was measured.
    """

    check: str
    measured: float
    required: str
    margin: float
    outcome: Outcome
    evidence: str = ""

    @property
    def judged(self) -> bool:
        """Whether the measurement was compared with a threshold."""
        return self.outcome not in UNJUDGED

    @property
    def red(self) -> bool:
        """Whether this verdict fails the gate."""
        return self.outcome in ("FAIL", "ERROR")

    def __str__(self) -> str:
        line = f"{self.check}: measured {self.measured:.3g}, required {self.required}: {self.outcome}"
        return f"{line}; {self.evidence}" if self.evidence else line


@dataclass(frozen=True)
class Threshold:
    """A threshold, with the measurement that it was set from.

    model: the model that it binds, or ANY_MODEL; recipe: the way from texts to vectors that it binds.
    at_least, at_most: what a measurement must lie between; one of them may be infinite.
    measured, source: what was measured when the threshold was set, and how.
    fixture: SHA-256 of the texts that it was measured on, or "" where it holds for all texts.
    precision: what the model must compute in for it to bind ("float32", "bfloat16" ...), or "" for any.
    band: the middle 95 % of the measurement when the texts are resampled, or None without resampling.
    own: whether it is the user's, and not the gate's.
    line: of its table in that file, from 1; 0 where it is not known.
    """

    check: str
    model: str
    measured: float
    source: str
    at_least: float = -math.inf
    at_most: float = math.inf
    fixture: str = ""
    recipe: str = "declared"
    precision: str = ""
    band: tuple[float, float] | None = None
    own: bool = False
    line: int = field(default=0, compare=False)

    @property
    def required(self) -> str:
        """The threshold in words."""
        return self._range() + (" (own)" if self.own else "")

    def _range(self) -> str:
        if math.isinf(self.at_least):
            return f"<= {self.at_most:g}"
        if math.isinf(self.at_most):
            return f">= {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"

    def binds(self, model: str, recipe: str, precision: str) -> bool:
        """Tell whether it limits that model, with that recipe and in that precision."""
        who = self.model == ANY_MODEL or (self.model, self.recipe) == (model, recipe)
        return who and self.precision in ("", precision)

    def judge(self, measured: float, evidence: str = "") -> Verdict:
        """Compare a measurement with the threshold. NaN always fails."""
        measured = float(measured)
        met = self.at_least <= measured <= self.at_most
        return Verdict(
            self.check, measured, self.required, self._margin(measured), "pass" if met else "FAIL", evidence
        )

    def _margin(self, measured: float) -> float:
        if math.isnan(measured):
            return 0.0
        if math.isinf(self.at_least):
            better, worse = self.at_most, measured
        elif math.isinf(self.at_most):
            better, worse = measured, self.at_least
        else:  # two-sided: how far the figure is from the reference value, and how far it may be
            worse = abs(measured - self.measured)
            better = (
                (self.at_most - self.measured) if measured > self.measured else self.measured - self.at_least
            )
        if worse <= 0:  # the figure is 0, or the threshold only asks for a sign
            return math.inf if better >= worse else 0.0
        return max(better / worse, 0.0)
