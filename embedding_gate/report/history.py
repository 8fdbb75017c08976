"""Runs over time: a file with one line of JSON for each run, which is only ever added to."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.signals import uninterrupted

__all__ = ["append", "check_appendable", "line_of", "read_history"]

Record = Mapping[str, Any]
_RUN = ("when", "revision", "command", "verdict", "device", "machine")
_MODEL = ("name", "red", "checks", "figures")
_SPEED = ("model", "kind", "batch", "length", "median", "tokens_per_second", "headline")


def line_of(record: Record) -> dict[str, Any]:
    """Return what the history keeps of a run: each check's measurement, and each benchmark's median."""
    made = record["made"]
    return {
        **{key: made[key] for key in _RUN if key != "verdict"},
        "verdict": record["verdict"],
        "models": [
            {
                "name": model["name"],
                "red": sum(one["red"] for one in model["verdicts"]),
                "checks": len(model["verdicts"]),
                "figures": {one["check"]: one["measured"] for one in model["verdicts"]},
            }
            for model in record["models"]
        ],
        "speed": [{key: one[key] for key in _SPEED} for one in record["speed"]],
    }


def read_history(path: Path) -> list[dict[str, Any]]:
    """Read the runs of a file, the oldest first; none where there is no file yet.

    Raises:
        FixtureError: it cannot be read, or a line is no run (names the line). Nothing is changed.

    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else [""]
    except (OSError, UnicodeDecodeError) as error:
        raise FixtureError(path, f"cannot be read ({error})", hint="name another file") from error
    if lines[-1]:
        raise FixtureError(
            f"{path}:{len(lines)}",
            "the last line was cut off",
            hint="complete or remove it; nothing was changed",
        )
    return [_run(f"{path}:{number}", line) for number, line in enumerate(lines[:-1], start=1)]


def _run(where: str, line: str) -> dict[str, Any]:
    try:
        run = json.loads(line)
        _see_types(run)
        return {
            **{key: run[key] for key in _RUN},
            "models": [{key: model[key] for key in _MODEL} for model in run["models"]],
            "speed": [{key: one[key] for key in _SPEED} for one in run["speed"]],
        }
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        hint = "correct or remove the line; nothing was changed"
        raise FixtureError(where, f"no run ({error!r})", hint=hint) from error


def _see_types(run: Mapping[str, Any]) -> None:
    """Raise TypeError where a value is not what the pictures draw."""
    words = [run[key] for key in _RUN if key != "revision"]
    words += [model["name"] for model in run["models"]] + [one["model"] for one in run["speed"]]
    numbers = [one["median"] for one in run["speed"]]
    numbers += [one for model in run["models"] for one in model["figures"].values() if one is not None]
    if not all(isinstance(one, str) for one in words):
        raise TypeError("a word is none")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in numbers):
        raise TypeError("a number is none")


def append(path: Path, record: Record) -> None:
    """Add a run as one line, whole or not at all.

    Raises:
        InputError: it cannot be written; the file is as it was.

    """
    line = (json.dumps(line_of(record), allow_nan=False) + "\n").encode()
    try:
        with uninterrupted(), path.open("ab") as file:
            before = os.fstat(file.fileno()).st_size
            # One call, so that two runs that end together do not mix their lines.
            if os.write(file.fileno(), line) < len(line):
                os.ftruncate(file.fileno(), before)
                raise OSError("the disk is full")
    except OSError as error:
        raise InputError(
            path, f"cannot be written ({error})", hint="free space, or name another file"
        ) from error


def check_appendable(path: Path) -> None:
    """See that a line can be added, and add none.

    Raises:
        InputError: it cannot.

    """
    try:
        if path.exists():
            path.open("ab").close()
        elif not path.absolute().parent.is_dir():
            raise OSError("no such folder")
    except OSError as error:
        raise InputError(path, f"cannot be written ({error})", hint="name another file") from error
