"""Where in its file each threshold stands, for an annotation on its line."""

import tomllib
from collections.abc import Mapping
from pathlib import Path

from embedding_gate.verdicts.thresholds import Threshold

__all__ = ["threshold_lines"]

_Key = tuple[str, str, str, str, str]  # check, model, recipe, precision, fixture


def threshold_lines(
    thresholds: Mapping[str, Threshold], gates: Path, own: Path | None, root: Path
) -> dict[str, str]:
    """Return check -> "fixtures/thresholds.toml:123", the line of the threshold that binds it.

    gates, own: the files of the gate's thresholds and of the user's. Paths below ``root`` are named from
    there.
    """
    places = {False: _places(gates, root), True: _places(own, root) if own else {}}
    found = {check: places[threshold.own].get(_key(threshold)) for check, threshold in thresholds.items()}
    return {check: place for check, place in found.items() if place}


def _key(threshold: Threshold) -> _Key:
    return (threshold.check, threshold.model, threshold.recipe, threshold.precision, threshold.fixture)


def _places(path: Path, root: Path) -> dict[_Key, str]:
    text = path.read_text(encoding="utf-8")
    shown = path.resolve()
    name = shown.relative_to(root).as_posix() if shown.is_relative_to(root) else str(path)
    lines = [
        number for number, line in enumerate(text.split("\n"), start=1) if line.strip() == "[[threshold]]"
    ]
    entries = tomllib.loads(text)["threshold"]
    if len(lines) != len(entries):  # written in another way than one header a line: no place is better
        return {}
    return {
        (
            check,
            entry["model"],
            entry.get("recipe", "declared"),
            entry.get("precision", ""),
            entry.get("fixture", ""),
        ): f"{name}:{line}"
        for line, entry in zip(lines, entries, strict=True)
        for check in ([entry["check"]] if isinstance(entry["check"], str) else entry["check"])
    }
