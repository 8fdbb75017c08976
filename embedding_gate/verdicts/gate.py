"""The gate: collects the verdicts on one model."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Protocol

from embedding_gate.verdicts.thresholds import (
    ANY_MODEL,
    NOT_APPLICABLE,
    NOT_CALIBRATED,
    NOT_OFFERED,
    Outcome,
    Threshold,
    Verdict,
)

__all__ = ["CheckFailed", "Gate", "check_name"]

REQUIRED = "required (--require), but not judged"


class CheckFailed(AssertionError):
    """A measurement did not reach its threshold."""


def check_name(test_name: str) -> str:
    """Return the name of the check that a test makes: "test_long_tail[model]" makes "long tail"."""
    return test_name.partition("[")[0].removeprefix("test_").replace("_", " ")


class Witness(Protocol):
    """What saw the calls of the running claim."""

    def begin(self, claim: str) -> None:
        """Say which claim begins."""

    def non_finite(self, *, earlier: bool) -> str:
        """Say in which calls vectors were not finite; earlier: whether calls of earlier claims count too."""


class Gate:
    """The verdicts on one model. Each test is one claim, with one verdict or one for each part.

    required: names of claims, or of what a subject offers, that must be judged. One that is not is an error.
    witness: tells a red claim which calls gave NaN or infinity.
    """

    def __init__(
        self,
        model: str,
        thresholds: Mapping[str, Threshold],
        required: Collection[str] = (),
        witness: Witness | None = None,
    ) -> None:
        self.model = model
        self.thresholds = thresholds
        self.required = frozenset(required)
        self.verdicts: list[Verdict] = []
        self._claim, self._witness = "", witness

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]

    @property
    def claims(self) -> set[str]:
        """The claims that gave a verdict, whatever their parts."""
        return {verdict.check.partition(":")[0] for verdict in self.verdicts}

    @property
    def unread(self) -> list[str]:
        """The checks that have a threshold and no verdict: the test was skipped, renamed or removed."""
        judged = {verdict.check for verdict in self.verdicts}
        return sorted(check for check in self.thresholds if not {check, check.partition(":")[0]} & judged)

    @contextmanager
    def claim(self, test_name: str) -> Iterator[None]:
        """Make sure that the test of that name gives a verdict, even if it raises an error."""
        __tracebackhide__ = True
        self._claim = check_name(test_name)
        if self._witness:
            self._witness.begin(self._claim)
        before = len(self.verdicts)
        try:
            yield
        except CheckFailed:
            raise
        except Exception as error:
            self._error(" ".join(f"{type(error).__name__}: {error}".split()))
            raise
        if len(self.verdicts) == before:
            self._error("the test asked for no verdict")
            raise CheckFailed(str(self.verdicts[-1]))

    def require(self, measured: float, *, evidence: str = "") -> None:
        """Judge the running claim's measurement by its threshold.

        Raises:
            CheckFailed: the threshold was not reached, or there is none.

        """
        __tracebackhide__ = True
        self._end(self._threshold(self._claim).judge(measured, evidence))

    def require_calibrated(self, measured: Mapping[str, float] | float, *, fixture: str) -> None:
        """Judge by a threshold of this model on these texts; without one, show the figure as not calibrated.

        A model that has one threshold on these texts must have all of them.

        measured: a figure, or a figure for each part. A part is judged by the threshold "claim: part". All
            parts are judged before the claim fails.
        fixture: SHA-256 of the texts.

        Raises:
            CheckFailed: a threshold was not reached, or there is none although the model has others.

        """
        __tracebackhide__ = True
        parts = measured if isinstance(measured, Mapping) else {"": measured}
        calibrated = any(
            threshold.fixture == fixture and not threshold.own for threshold in self.thresholds.values()
        )
        failed = []
        for part, value in parts.items():
            check = f"{self._claim}: {part}" if part else self._claim
            try:
                if calibrated or check in self.thresholds:
                    self._end(self._threshold(check).judge(value))
                elif self._claim in self.required:
                    self._error(REQUIRED, check)
                    failed.append(str(self.verdicts[-1]))
                else:
                    self._end(Verdict(check, value, "-", math.nan, NOT_CALIBRATED))
            except CheckFailed as failure:
                failed.append(str(failure))
        if failed:
            raise CheckFailed("\n".join(failed))

    def not_calibrated(self, why: str) -> None:
        """Say that the running claim has no goldens or no threshold to be judged by.

        Raises:
            CheckFailed: the model has a threshold for this claim, so what is missing was there before.

        """
        __tracebackhide__ = True
        self._unjudged(NOT_CALIBRATED, why)

    def not_applicable(self, why: str) -> None:
        """Say that the running claim does not apply to this model or to this run.

        Raises:
            CheckFailed: the model has a threshold for this claim, so what is missing was there before.

        """
        __tracebackhide__ = True
        self._unjudged(NOT_APPLICABLE, why)

    def not_offered(self, lacking: Sequence[str]) -> None:
        """Say that the subject does not offer what the running claim needs.

        lacking: names of what is not offered.

        Raises:
            CheckFailed: the claim, or what is lacking, is required.

        """
        __tracebackhide__ = True
        self._unjudged(NOT_OFFERED, f"needs {', '.join(lacking)}", lacking)

    def _unjudged(self, outcome: Outcome, why: str, lacking: Sequence[str] = ()) -> None:
        __tracebackhide__ = True
        threshold = self.thresholds.get(self._claim)
        binds = threshold is not None and threshold.model == self.model != ANY_MODEL
        required = bool(self.required & {self._claim, *lacking})
        if required or (binds and outcome != NOT_OFFERED):
            self._error(f"{REQUIRED}; {why}" if required else why)
            raise CheckFailed(str(self.verdicts[-1]))
        self._end(Verdict(self._claim, math.nan, "-", math.nan, outcome, why))

    def bound(self) -> float:
        """Return the running claim's upper limit, for a search that stops at the first failure.

        Raises:
            CheckFailed: there is none.

        """
        return self._threshold(self._claim).at_most

    def _threshold(self, check: str) -> Threshold:
        __tracebackhide__ = True
        if check not in self.thresholds:
            self._error(f"no threshold for {self.model} in thresholds.toml", check)
            raise CheckFailed(str(self.verdicts[-1]))
        return self.thresholds[check]

    def _end(self, verdict: Verdict) -> None:
        __tracebackhide__ = True
        if verdict.red and self._witness:
            told = self._witness.non_finite(earlier=not math.isfinite(verdict.measured))
            verdict = replace(verdict, evidence="; ".join(filter(None, (told, verdict.evidence))))
        self.verdicts.append(verdict)
        if verdict.red:
            raise CheckFailed(str(verdict))

    def _error(self, why: str, check: str = "") -> None:
        threshold = self.thresholds.get(check or self._claim)
        required = "a threshold" if threshold is None else threshold.required
        self.verdicts.append(Verdict(check or self._claim, math.nan, required, 0.0, "ERROR", why))
