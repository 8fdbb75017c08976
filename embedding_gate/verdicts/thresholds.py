"""Bars, each with the measurement that it was set from, and the verdict that one gives."""

import math
import tomllib
from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from embedding_gate.errors import FixtureError

__all__ = ["ANY_MODEL", "Fixtures", "Threshold", "Verdict", "read_own_thresholds", "read_thresholds"]

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
    precision: what the model must compute in for it to bind ("float32", "bfloat16" ...), or "" for any.
    band: the middle 95 % of the measurement when the texts are drawn anew, or None where nothing was drawn.
    own: whether it is the user's, and not the gate's.
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

    @property
    def required(self) -> str:
        """The bar in words."""
        return self._range() + (" (own)" if self.own else "")

    def _range(self) -> str:
        if math.isinf(self.at_least):
            return f"<= {self.at_most:g}"
        if math.isinf(self.at_most):
            return f">= {self.at_least:g}"
        return f"{self.at_least:g} to {self.at_most:g}"

    def binds(self, model: str, recipe: str, precision: str) -> bool:
        """Whether it is a bar of that model, used by that recipe and computing in that precision."""
        who = self.model == ANY_MODEL or (self.model, self.recipe) == (model, recipe)
        return who and self.precision in ("", precision)

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
    path: Path,
    *,
    model: str,
    fixtures: Fixtures,
    recipe: str = "declared",
    precision: str = "float32",
    own: Path | None = None,
) -> dict[str, Threshold]:
    """Read the bars that bind a model, recipe and precision on those texts: check -> bar.

    A bar of the model itself goes before one of ANY_MODEL, which binds whatever the recipe. ``own``: a file
    of the user's, whose bars go before all of these, but only where they ask for no less.

    Raises:
        FixtureError: a file is missing or malformed, a bar would fail its own measurement, a bar of the
            model was set on texts that are none of the gate's (they were changed, and the bar did not
            follow), or one of the user's is looser than the gate's.

    """
    chosen: dict[str, Threshold] = {}
    for bar in _all_thresholds(path):
        if not bar.binds(model, recipe, precision) or bar.fixture in fixtures.unused:
            continue
        if bar.fixture and bar.fixture not in fixtures.used:
            raise FixtureError(
                path,
                f"{bar.check}: was set on texts of SHA-256 {bar.fixture[:12]}, which are none of the gate's",
                mend="restore the texts, or make the goldens again and set the bars anew",
            )
        if bar.check not in chosen or chosen[bar.check].model == ANY_MODEL:
            chosen[bar.check] = bar
    for bar in read_own_thresholds(own) if own else ():
        if not bar.binds(model, recipe, precision) or bar.fixture not in fixtures.used:
            continue
        gates = chosen.get(bar.check)
        if gates and (bar.at_least < gates.at_least or bar.at_most > gates.at_most):
            raise FixtureError(
                str(own),
                f"{bar.check}: {bar.required} is looser than the gate's {gates.required}",
                mend="leave it out",
            )
        chosen[bar.check] = bar
    return chosen


def read_own_thresholds(path: Path) -> list[Threshold]:
    """Read a user's bars.

    Raises:
        FixtureError: the file is missing or malformed, or a bar does not name its model and its texts.

    """
    bars = _all_thresholds(path)
    for bar in bars:
        if bar.model == ANY_MODEL or not bar.fixture:
            raise FixtureError(
                path, f"{bar.check}: must name its model, and its texts by SHA-256 (fixture)", mend="add them"
            )
    return [replace(bar, own=True) for bar in bars]


def _all_thresholds(path: Path) -> list[Threshold]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FixtureError(
            path, f"cannot be read ({error.strerror})", mend="name a file that exists"
        ) from error
    try:
        entries = tomllib.loads(text)
    except ValueError as error:
        raise FixtureError(
            path, f"not readable as TOML ({error})", mend="restore the file, or correct that line"
        ) from error
    if list(entries) != ["bar"] or not isinstance(entries["bar"], list):
        raise FixtureError(
            path, f"must hold [[bar]] tables and nothing else, got {sorted(entries)}", mend="correct the file"
        )
    if not all(isinstance(entry, dict) for entry in entries["bar"]):
        raise FixtureError(path, "every bar must be a [[bar]] table", mend="correct the file")
    bars = [
        _threshold(path, number, {**entry, "check": check} if check else entry)
        for number, entry in enumerate(entries["bar"], start=1)
        for check in _several(entry.get("check"))
    ]
    seen: set[tuple[str, ...]] = set()
    for bar in bars:
        key = (bar.check, bar.model, bar.recipe, bar.precision, bar.fixture)
        if key in seen:
            raise FixtureError(path, f"a bar of {bar.check} is there twice", mend="remove one")
        seen.add(key)
    return bars


def _several(check: Any) -> list[Any]:
    """A bar may name several checks that it is the bar of."""
    return check if isinstance(check, list) and check else [check]


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
    optional = {"fixture", "recipe", "precision", "band"}
    if wrong := (entry.keys() - texts - numbers - bounds - optional) | ((texts | numbers) - entry.keys()):
        raise FixtureError(
            where, f"keys unknown or missing: {', '.join(sorted(wrong))}", mend="correct the bar"
        )
    checked: dict[str, Any] = {}
    for key, value in entry.items():
        kind = texts if key in texts | {"fixture", "recipe", "precision"} else numbers
        if key == "band" and not (isinstance(value, list) and len(value) == 2):
            raise FixtureError(where, f"band must be [low, high], got {value!r}", mend="correct the bar")
        values = value if key == "band" else [value]
        right = (str,) if kind is texts else (int, float)
        if not all(isinstance(v, right) and not isinstance(v, bool) for v in values):
            raise FixtureError(where, f"{key} has the wrong type: {value!r}", mend="correct the bar")
        if kind is numbers and any(map(math.isinf, values)):
            raise FixtureError(where, f"{key} must be finite", mend="correct the bar")
        floats = tuple(map(float, values)) if kind is numbers else ()
        checked[key] = value if kind is texts else floats if key == "band" else floats[0]
    return checked
