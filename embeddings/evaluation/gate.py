"""Threshold x measurement -> verdict, and the gate that collects them."""

import math
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from embeddings.errors import FixtureError

__all__ = ["ANY_MODEL", "CheckFailed", "Gate", "Threshold", "Verdict", "check_name", "read_thresholds"]

ANY_MODEL = "any"
LOOSEST = 10.0  # times: a bar further from its measurement judges nothing
Outcome = Literal["pass", "FAIL", "ERROR", "uncalibrated"]


class CheckFailed(AssertionError):
    """A measurement did not reach its bar."""


def check_name(test_name: str) -> str:
    """Return the name of the check that a test makes: "test_long_tail[model]" makes "long tail"."""
    return test_name.partition("[")[0].removeprefix("test_").replace("_", " ")


@dataclass(frozen=True)
class Verdict:
    """What a check found.

    required: the bar in words, as "<= 2e-06".
    margin: how many times worse the measurement could have been; below 1 it fails. Infinite where the
        bar is exact (a count that must be 0), NaN where nothing was measured.
    """

    check: str
    measured: float
    required: str
    margin: float
    outcome: Outcome
    evidence: str = ""

    @property
    def red(self) -> bool:
        """Whether this verdict fails the gate."""
        return self.outcome in ("FAIL", "ERROR")

    def __str__(self) -> str:
        line = f"{self.check}: measured {self.measured:.3g}, required {self.required}: {self.outcome}"
        return f"{line}; {self.evidence}" if self.evidence else line


@dataclass(frozen=True)
class Threshold:
    """A bar, with the measurement that it was set from.

    model: the model that it binds, or ANY_MODEL. kind: "at most" or "at least" the bound.
    measured, source: what was measured when the bar was set, and how.
    fixture: SHA-256 of the texts that it was measured on, or "" where it holds for all texts.
    """

    check: str
    model: str
    kind: Literal["at most", "at least"]
    bound: float
    measured: float
    source: str
    fixture: str = ""

    def judge(self, measured: float, evidence: str = "") -> Verdict:
        """Compare; a NaN fails, whatever the kind."""
        measured = float(measured)
        met = measured <= self.bound if self.kind == "at most" else measured >= self.bound
        sign = "<=" if self.kind == "at most" else ">="
        return Verdict(
            check=self.check,
            measured=measured,
            required=f"{sign} {self.bound:g}",
            margin=self._margin(measured),
            outcome="pass" if met else "FAIL",
            evidence=evidence,
        )

    def _margin(self, measured: float) -> float:
        better, worse = (self.bound, measured) if self.kind == "at most" else (measured, self.bound)
        if math.isnan(measured):
            return 0.0
        if worse == 0:
            return math.inf
        return max(better / worse, 0.0)


class Gate:
    """The verdicts on one model. Each test of the gate is one claim, and each claim ends in one verdict."""

    def __init__(self, model: str, thresholds: Mapping[str, Threshold]) -> None:
        self.model = model
        self.thresholds = thresholds
        self.verdicts: list[Verdict] = []
        self._claim = ""

    @property
    def red(self) -> list[Verdict]:
        """The verdicts that fail the gate."""
        return [verdict for verdict in self.verdicts if verdict.red]

    @property
    def unread(self) -> list[str]:
        """The checks that have a bar and gave no verdict: their tests were skipped, renamed or taken out."""
        return sorted(self.thresholds.keys() - {verdict.check for verdict in self.verdicts})

    @contextmanager
    def claim(self, test_name: str) -> Iterator[None]:
        """Give the test of that name its verdict, also when it breaks off or forgets to ask for one."""
        __tracebackhide__ = True
        self._claim = check_name(test_name)
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
        """Judge the running claim's measurement by its bar.

        Raises:
            CheckFailed: the bar was not reached, or there is none.

        """
        __tracebackhide__ = True
        self._end(self._bar().judge(measured, evidence))

    def uncalibrated(self, why: str) -> None:
        """Say that the running claim cannot be judged for this model.

        Raises:
            CheckFailed: this very model has a bar for it, so what is missing was there once.

        """
        __tracebackhide__ = True
        bar = self.thresholds.get(self._claim)
        if bar is not None and bar.model == self.model:
            self._error(why)
            raise CheckFailed(str(self.verdicts[-1]))
        self._end(Verdict(self._claim, math.nan, "-", math.nan, "uncalibrated", why))

    def bound(self) -> float:
        """Return the running claim's bound, for a search that stops at the first failure.

        Raises:
            CheckFailed: there is none.

        """
        return self._bar().bound

    def _bar(self) -> Threshold:
        __tracebackhide__ = True
        if self._claim not in self.thresholds:
            self._error(f"no bar for {self.model} in thresholds.toml")
            raise CheckFailed(str(self.verdicts[-1]))
        return self.thresholds[self._claim]

    def _end(self, verdict: Verdict) -> None:
        __tracebackhide__ = True
        self.verdicts.append(verdict)
        if verdict.red:
            raise CheckFailed(str(verdict))

    def _error(self, why: str) -> None:
        bar = self.thresholds.get(self._claim)
        required = "a bar" if bar is None else bar.judge(math.nan).required
        self.verdicts.append(Verdict(self._claim, math.nan, required, 0.0, "ERROR", why))


def read_thresholds(path: Path, *, model: str, fixture: str) -> dict[str, Threshold]:
    """Read the bars that bind a model on the texts of that SHA-256: check -> bar.

    A bar of the model itself goes before one of ANY_MODEL.

    Raises:
        FixtureError: the file is missing or malformed, a bar would fail its own measurement, or a bar of
            the model was set on other texts: they were changed, and the bar did not follow.

    """
    chosen: dict[str, Threshold] = {}
    for bar in _all_thresholds(path):
        if bar.model not in (model, ANY_MODEL):
            continue
        if bar.fixture not in (fixture, ""):
            raise FixtureError(
                path,
                f"{bar.check}: was set on texts of SHA-256 {bar.fixture[:12]}, now {fixture[:12]}",
                mend="restore the texts, or make the goldens again and set the bars anew",
            )
        if bar.check not in chosen or chosen[bar.check].model == ANY_MODEL:
            chosen[bar.check] = bar
    return chosen


def _all_thresholds(path: Path) -> list[Threshold]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FixtureError(
            path, f"not readable as TOML ({error})", mend="restore the file, or correct that line"
        ) from error
    if list(entries) != ["bar"] or not isinstance(entries["bar"], list):
        raise FixtureError(
            path, f"must hold [[bar]] tables and nothing else, got {sorted(entries)}", mend="correct the file"
        )
    if not all(isinstance(entry, dict) for entry in entries["bar"]):
        raise FixtureError(path, "every bar must be a [[bar]] table", mend="correct the file")
    bars = [_threshold(path, number, entry) for number, entry in enumerate(entries["bar"], start=1)]
    seen: set[tuple[str, str, str]] = set()
    for number, bar in enumerate(bars, start=1):
        key = (bar.check, bar.model, bar.fixture)
        if key in seen:
            raise FixtureError(path, f"bar {number} ({bar.check}) is there twice", mend="remove one")
        seen.add(key)
    return bars


def _threshold(path: Path, number: int, entry: dict[str, Any]) -> Threshold:
    where = f"{path}, bar {number} ({entry.get('check', 'no check named')})"
    kinds = {"at_most", "at_least"} & entry.keys()
    texts, numbers = {"check", "model", "source"}, {"measured", *kinds}
    if len(kinds) != 1:
        raise FixtureError(where, "must have one of at_most and at_least", mend="correct the bar")
    if wrong := (entry.keys() - texts - numbers - {"fixture"}) | ((texts | numbers) - entry.keys()):
        raise FixtureError(
            where, f"keys unknown or missing: {', '.join(sorted(wrong))}", mend="correct the bar"
        )
    for key, value in entry.items():
        kind: Any = (int, float) if key in numbers else str
        if not isinstance(value, kind) or isinstance(value, bool):
            raise FixtureError(where, f"{key} has the wrong type: {value!r}", mend="correct the bar")
        if key in numbers and math.isinf(value):
            raise FixtureError(where, f"{key} must be finite", mend="correct the bar")
    kind_key = kinds.pop()
    bar = Threshold(
        check=entry["check"],
        model=entry["model"],
        kind="at most" if kind_key == "at_most" else "at least",
        bound=float(entry[kind_key]),
        measured=float(entry["measured"]),
        source=entry["source"],
        fixture=entry.get("fixture", ""),
    )
    slack = bar.judge(bar.measured).margin
    if slack > LOOSEST and bar.bound != 0:
        raise FixtureError(
            where, f"{slack:.3g} times looser than its measurement", mend=f"keep within {LOOSEST:g}"
        )
    if bar.judge(bar.measured).red:
        raise FixtureError(
            where, f"its own measurement {bar.measured:g} does not reach it", mend="measure again"
        )
    return bar
