"""Reads thresholds.toml: the gate's, and a file of the same form with the user's own thresholds."""

import math
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from embedding_gate.errors import FixtureError
from embedding_gate.verdicts.thresholds import ANY_MODEL, Threshold

__all__ = ["VERSION", "Fixtures", "checks_of", "read_own_thresholds", "read_thresholds"]

VERSION = 2  # of the form of the file; version 1 had [[bar]] tables
LOOSEST = 10.0  # times: a threshold further from its measurement judges nothing


class Entry(msgspec.Struct, forbid_unknown_fields=True):
    """One [[threshold]] table. The head of fixtures/thresholds.toml explains each key."""

    check: str | list[str]
    model: str
    measured: float
    source: str
    at_least: float | None = None
    at_most: float | None = None
    fixture: str = ""
    recipe: str = "declared"
    precision: str = ""
    band: tuple[float, float] | None = None


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
    """Read the thresholds that bind a model, recipe and precision on those texts: check -> threshold.

    A threshold of the model itself goes before one of ANY_MODEL, which binds whatever the recipe.

    own: a file of the user's. Its thresholds go before all others. They may ask for more, but not for less.

    Raises:
        FixtureError: a file is missing or malformed. Or a threshold would fail its own measurement. Or it was
            set on texts that the gate does not have, because the texts changed and the threshold did not. Or
            one of the user's is looser than the gate's.

    """
    chosen: dict[str, Threshold] = {}
    for threshold in _all_thresholds(path):
        if not threshold.binds(model, recipe, precision) or threshold.fixture in fixtures.unused:
            continue
        if threshold.fixture and threshold.fixture not in fixtures.used:
            raise FixtureError(
                path,
                f"{threshold.check}: was set on texts {threshold.fixture[:12]} (SHA-256) that are not here",
                hint="restore the texts, or make the goldens and the thresholds again",
            )
        if threshold.check not in chosen or chosen[threshold.check].model == ANY_MODEL:
            chosen[threshold.check] = threshold
    for threshold in read_own_thresholds(own) if own else ():
        if not threshold.binds(model, recipe, precision) or threshold.fixture not in fixtures.used:
            continue
        gates = chosen.get(threshold.check)
        if gates and (threshold.at_least < gates.at_least or threshold.at_most > gates.at_most):
            what = f"{threshold.check}: {threshold.required} is looser than the gate's {gates.required}"
            raise FixtureError(str(own), what, hint="leave it out")
        chosen[threshold.check] = threshold
    return chosen


def read_own_thresholds(path: Path) -> list[Threshold]:
    """Read a user's thresholds.

    Raises:
        FixtureError: the file is missing or malformed, or a threshold does not name its model and its texts.

    """
    thresholds = _all_thresholds(path, own=True)
    for threshold in thresholds:
        if threshold.model == ANY_MODEL or not threshold.fixture:
            what = f"{threshold.check}: must name its model, and its texts by SHA-256 (fixture)"
            raise FixtureError(path, what, hint="add them")
    return thresholds


def checks_of(entry: Any) -> list[Any]:
    """Return the names of the checks that a [[threshold]] table limits: one, or a list of them."""
    return entry if isinstance(entry, list) and entry else [entry]


def _all_thresholds(path: Path, *, own: bool = False) -> list[Threshold]:
    thresholds = [
        threshold
        for number, (line, table) in enumerate(_tables(path), start=1)
        for threshold in _thresholds(path, number, table, own=own, line=line)
    ]
    seen: set[tuple[str, ...]] = set()
    for one in thresholds:
        key = (one.check, one.model, one.recipe, one.precision, one.fixture)
        if key in seen:
            raise FixtureError(path, f"a threshold of {one.check} is there twice", hint="remove one")
        seen.add(key)
    return thresholds


def _tables(path: Path) -> list[tuple[int, dict[str, Any]]]:
    """Return the line and the content of each [[threshold]] table of a file, not yet checked."""
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        what = f"cannot be read ({error.strerror})"
        raise FixtureError(path, what, hint="name a file that exists") from error
    except (ValueError, RecursionError) as error:
        what = f"not readable as TOML ({error})"
        raise FixtureError(path, what, hint="restore the file, or correct that line") from error
    if "bar" in content and "version" not in content:
        what = "has [[bar]] tables, the form of an older version"
        raise FixtureError(path, what, hint=f"write [[threshold]], and version = {VERSION} on top")
    tables = content.pop("threshold", None)
    if content != {"version": VERSION} or not isinstance(tables, list):
        what = f"must hold version = {VERSION} and [[threshold]] tables, nothing else"
        raise FixtureError(path, what, hint="correct the file")
    if not all(isinstance(table, dict) for table in tables):
        raise FixtureError(path, "every threshold must be a [[threshold]] table", hint="correct the file")
    lines = [at for at, line in enumerate(text.split("\n"), start=1) if line.strip() == "[[threshold]]"]
    if len(lines) != len(tables):  # written in another way than one header a line: no line is better
        lines = [0] * len(tables)
    return list(zip(lines, tables, strict=True))


def _thresholds(path: Path, number: int, table: dict[str, Any], *, own: bool, line: int) -> list[Threshold]:
    where = f"{path}, threshold {number} ({table.get('check', 'no check named')})"
    try:
        entry = msgspec.convert(table, Entry)
    except msgspec.ValidationError as error:
        raise FixtureError(where, str(error), hint="correct the threshold") from error
    limits = {key: value for key in ("at_least", "at_most") if (value := getattr(entry, key)) is not None}
    if not limits:
        raise FixtureError(where, "must have at_most, at_least, or both", hint="correct the threshold")
    if any(map(math.isinf, (entry.measured, *limits.values(), *(entry.band or ())))):
        raise FixtureError(where, "must be finite in every number", hint="correct the threshold")
    made = [
        Threshold(
            check=check,
            model=entry.model,
            measured=entry.measured,
            source=entry.source,
            fixture=entry.fixture,
            recipe=entry.recipe,
            precision=entry.precision,
            band=entry.band,
            own=own,
            line=line,
            **limits,
        )
        for check in checks_of(entry.check)
    ]
    if problem := _problem(made[0]):
        raise FixtureError(where, problem, hint="measure again, and set the threshold from that")
    return made


def _problem(threshold: Threshold) -> str | None:
    """Say what is wrong between a threshold and the measurement that it was set from, or None."""
    if threshold.judge(threshold.measured).red:
        return f"its own measurement {threshold.measured:g} does not reach it"
    if threshold.band is None:
        if math.isfinite(threshold.at_least) and math.isfinite(threshold.at_most):
            return "at_least and at_most need a band"
        slack = threshold.judge(threshold.measured).margin
        if slack > LOOSEST and 0 not in (threshold.at_least, threshold.at_most):
            return f"{slack:.3g} times looser than its measurement; at most {LOOSEST:g} is allowed"
        return None
    low, high = threshold.band
    below = low - threshold.at_least if math.isfinite(threshold.at_least) else 0.0
    above = threshold.at_most - high if math.isfinite(threshold.at_most) else 0.0
    if not low <= threshold.measured <= high or max(below, above) > (high - low) / 10:
        return f"is not the band {low:g} to {high:g} of its measurement"
    return None
