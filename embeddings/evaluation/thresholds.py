"""Bars, each with the measurement that it was set from, and the verdict that one gives."""

import math
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from embeddings.errors import FixtureError

__all__ = ["ANY_MODEL", "Fixtures", "Threshold", "Verdict", "read_thresholds"]

ANY_MODEL = "any"
LOOSEST = 10.0  # times: a bar further from its measurement judges nothing
Outcome = Literal["pass", "FAIL", "ERROR", "uncalibrated"]


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

    model: the model that it binds, or ANY_MODEL; recipe: the way from texts to vectors that it binds.
    at_least, at_most: what a measurement must lie between; one of them may be infinite.
    measured, source: what was measured when the bar was set, and how.
    fixture: SHA-256 of the texts that it was measured on, or "" where it holds for all texts.
    band: the middle 95 % of the measurement when the texts are drawn anew, or None where nothing was drawn.
    """

    check: str
    model: str
    measured: float
    source: str
    at_least: float = -math.inf
    at_most: float = math.inf
    fixture: str = ""
    recipe: str = "declared"
    band: tuple[float, float] | None = None

    @property
    def required(self) -> str:
        """The bar in words."""
        if math.isinf(self.at_least):
            return f"<= {self.at_most:g}"
        if math.isinf(self.at_most):
            return f">= {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"

    def judge(self, measured: float, evidence: str = "") -> Verdict:
        """Compare; a NaN fails, whatever the bar."""
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
        else:  # a band: how far it strays from what was measured, and how far it may
            worse = abs(measured - self.measured)
            better = (
                (self.at_most - self.measured) if measured > self.measured else self.measured - self.at_least
            )
        if worse <= 0:  # nothing of what the bar limits, or a bar that only asks for a sign
            return math.inf if better >= worse else 0.0
        return max(better / worse, 0.0)


@dataclass(frozen=True)
class Fixtures:
    """SHA-256 of the texts that this run is judged on, and of those of the gate that it leaves out."""

    used: Collection[str]
    unused: Collection[str] = ()


def read_thresholds(
    paths: Sequence[Path], *, model: str, fixtures: Fixtures, recipe: str = "declared"
) -> dict[str, Threshold]:
    """Read the bars that bind a model and recipe on those texts: check -> bar.

    A bar of the model itself goes before one of ANY_MODEL, one of a later file before one of an earlier.

    Raises:
        FixtureError: a file is missing or malformed, a bar would fail its own measurement, or a bar of
            the model was set on texts that are none of the gate's: they were changed, and the bar did
            not follow.

    """
    chosen: dict[str, Threshold] = {}
    for path in paths:
        for bar in _all_thresholds(path):
            if bar.model not in (model, ANY_MODEL) or (bar.model == model and bar.recipe != recipe):
                continue
            if bar.fixture in fixtures.unused:
                continue
            if bar.fixture and bar.fixture not in fixtures.used:
                now = ", ".join(sorted(name[:12] for name in fixtures.used))
                raise FixtureError(
                    path,
                    f"{bar.check}: was set on texts of SHA-256 {bar.fixture[:12]}, now {now}",
                    mend="restore the texts, or make the goldens again and set the bars anew",
                )
            if bar.check not in chosen or chosen[bar.check].model == ANY_MODEL or bar.model == model:
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
    seen: set[tuple[str, str, str, str]] = set()
    for number, bar in enumerate(bars, start=1):
        key = (bar.check, bar.model, bar.recipe, bar.fixture)
        if key in seen:
            raise FixtureError(path, f"bar {number} ({bar.check}) is there twice", mend="remove one")
        seen.add(key)
    return bars


def _threshold(path: Path, number: int, entry: dict[str, Any]) -> Threshold:
    where = f"{path}, bar {number} ({entry.get('check', 'no check named')})"
    bar = Threshold(**_checked(where, entry))
    if bar.judge(bar.measured).red:
        raise FixtureError(
            where, f"its own measurement {bar.measured:g} does not reach it", mend="measure again"
        )
    if bar.band is None:
        if math.isfinite(bar.at_least) and math.isfinite(bar.at_most):
            raise FixtureError(where, "at_least and at_most need a band", mend="give the band")
        slack = bar.judge(bar.measured).margin
        if slack > LOOSEST and 0 not in (bar.at_least, bar.at_most):
            raise FixtureError(
                where, f"{slack:.3g} times looser than its measurement", mend=f"keep within {LOOSEST:g}"
            )
    else:
        low, high = bar.band
        outside = max(
            low - bar.at_least if math.isfinite(bar.at_least) else 0.0,
            bar.at_most - high if math.isfinite(bar.at_most) else 0.0,
        )
        if not low <= bar.measured <= high or outside > (high - low) / 10:
            raise FixtureError(
                where, f"is not the band {low:g} to {high:g} of its measurement", mend="measure again"
            )
    return bar


def _checked(where: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return a bar's values, each of its type."""
    texts, numbers = {"check", "model", "source"}, {"measured"}
    bounds = {"at_most", "at_least"} & entry.keys()
    if not bounds:
        raise FixtureError(where, "must have at_most, at_least, or both", mend="correct the bar")
    optional = {"fixture", "recipe", "band"}
    if wrong := (entry.keys() - texts - numbers - bounds - optional) | ((texts | numbers) - entry.keys()):
        raise FixtureError(
            where, f"keys unknown or missing: {', '.join(sorted(wrong))}", mend="correct the bar"
        )
    checked: dict[str, Any] = {}
    for key, value in entry.items():
        kind = texts if key in texts | {"fixture", "recipe"} else numbers
        values = value if key == "band" and isinstance(value, list) else [value]
        right = (str,) if kind is texts else (int, float)
        if not all(isinstance(v, right) and not isinstance(v, bool) for v in values):
            raise FixtureError(where, f"{key} has the wrong type: {value!r}", mend="correct the bar")
        if kind is numbers and any(map(math.isinf, values)):
            raise FixtureError(where, f"{key} must be finite", mend="correct the bar")
        checked[key] = value if kind is texts else float(values[0])
        if key == "band":
            checked[key] = _band(where, value)
    return checked


def _band(where: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list) or len(value) != 2:
        raise FixtureError(where, f"band must be [low, high], got {value!r}", mend="correct the bar")
    return float(value[0]), float(value[1])
