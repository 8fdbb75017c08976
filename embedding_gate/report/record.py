"""Makes the record of a run from what its parts found, and reads it again."""

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from msgspec.structs import asdict

from embedding_gate.errors import InputError
from embedding_gate.report.schema.record import VERSION, Made, Record
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict

__all__ = [
    "as_json",
    "make_record",
    "merged",
    "model_as_data",
    "parsed",
    "plain",
    "read_record",
    "red_reasons",
    "verdict_as_data",
]

SAME = ("revision", "changed", "version", "mlx", "device", "machine")
UNEXPLAINED = "a test failed: see the log of the run"
HINT = "see the log of the run that should have written it, or write it again with --report=DIR"


def make_record(
    made: Mapping[str, Any] | Made, parts: Iterable[Mapping[str, Any]], *, passed: bool
) -> Record:
    """Put together what the parts of a run found.

    made: when, by what and on what. parts: keys of the record -> what one part of the run adds to them, and
    "reasons" where it is red.

    Raises:
        InputError: a part is not as the types of the record say (names the key).

    """
    found: dict[str, Any] = {"reasons": []}
    for part in parts:
        _add(found, part)
    if not passed and not found["reasons"]:
        found["reasons"] = [UNEXPLAINED]
    found |= {"version": VERSION, "made": made, "verdict": "pass" if passed else "fail"}
    try:
        return msgspec.convert(plain(found), Record)
    except msgspec.ValidationError as error:
        raise InputError("the record", str(error), hint="correct what this part of the run adds") from error


def merged(records: Sequence[Record]) -> Record:
    """Put the records of several runs of one tree on one machine together: red where one of them is.

    Raises:
        InputError: they are of different trees or machines: their figures do not belong on one page.

    """
    first, *others = (record.made for record in records)
    for made in others:
        for key in SAME:
            if (here := getattr(first, key)) != (there := getattr(made, key)):
                hint = "run them on one tree and one machine"
                raise InputError("reports", f"{key} differs: {here} and {there}", hint=hint)
    made = msgspec.structs.replace(
        first,
        when=max(record.made.when for record in records),
        command="; ".join(record.made.command for record in records),
    )
    known = ("version", "made", "verdict")
    parts = [{key: one for key, one in asdict(record).items() if key not in known} for record in records]
    return make_record(made, parts, passed=all(record.verdict == "pass" for record in records))


def _add(found: dict[str, Any], part: Mapping[str, Any]) -> None:
    """Add a part: what is new of a list, the entries of a mapping from models, anything else as it is."""
    for key, value in part.items():
        known = found.get(key)
        if isinstance(value, list):
            found[key] = [*(known or []), *(one for one in value if one not in (known or []))]
        elif key == "audits":
            found[key] = {**(known or {}), **value}
        elif value is not None:
            found[key] = value


def read_record(path: Path) -> Record:
    """Read a report.json.

    Raises:
        InputError: it cannot be read, is of another version, or is not as the types of the record say.

    """
    try:
        return parsed(path, path.read_bytes())
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", hint=HINT) from error


def parsed(where: object, text: bytes | str) -> Record:
    """Read the text of a report.json. where: what to name it in an error.

    Raises:
        InputError: it is of another version, or not as the types of the record say (names the key).

    """
    try:
        version = msgspec.json.decode(text, type=_Versioned).version
        if version != VERSION:
            what = f"is a report of version {version}, and this embedding-gate reads version {VERSION}"
            hint = "write it again with this version: the same command, with --report=DIR"
            raise InputError(where, what, hint=hint)
        return msgspec.json.decode(text, type=Record)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise InputError(where, f"is no report ({error})", hint=HINT) from error


class _Versioned(msgspec.Struct):
    """As much of a report of any version as tells which it is."""

    version: int = 1


def as_json(record: Record) -> str:
    """Return the text of report.json."""
    return msgspec.json.format(msgspec.json.encode(record), indent=1).decode() + "\n"


def plain(value: Any) -> Any:
    """Return the value in types of JSON alone: a number that is not finite as null, NumPy's as Python's.

    Half of a surrogate pair, which no UTF-8 file can hold, becomes a question mark.
    """
    if isinstance(value, msgspec.Struct):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray | list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def model_as_data(
    gate: Gate,
    measured: Mapping[str, Any],
    *,
    asked_for: str,
    recipe: str,
    precision: str,
    looks_like: Iterable[str],
    notes: Iterable[str],
    threshold_lines: Mapping[str, str],
    part: str | None,
) -> dict[str, Any]:
    """Return one judged model: its verdicts, and what was measured of its vectors (see vectors.py).

    looks_like, notes: lines of the table, threshold_lines: check -> file and line of its threshold. part: of
    a run that left checks out, how many it made.
    """
    quality = measured["quality"]
    if quality is not None:  # one number each, and they stand among the verdicts
        found = {verdict.check: verdict.measured for verdict in gate.verdicts}
        quality = {**quality, "spearman": found.get("pairs"), "ndcg": found.get("retrieval")}
    thresholds = {
        check.partition(": ")[2]: threshold for check, threshold in gate.thresholds.items() if ": " in check
    }
    categories = [
        {
            "name": name,
            "similarity": similarity,
            "at_least": thresholds[name].at_least if name in thresholds else None,
            "at_most": thresholds[name].at_most if name in thresholds else None,
        }
        for name, similarity in measured["similarities"].items()
    ]
    return {
        "name": gate.model,
        "asked_for": asked_for,
        "recipe": recipe,
        "precision": precision,
        "part": part,
        **{key: measured[key] for key in ("dimension", "texts", "cosines", "map")},
        "verdicts": [verdict_as_data(verdict) for verdict in gate.verdicts],
        "looks_like": [line.strip() for line in looks_like],
        "notes": [line.strip() for line in notes if line.strip()],
        "threshold_lines": dict(threshold_lines),
        "quality": quality,
        "categories": categories,
    }


def verdict_as_data(verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the record has it."""
    return {**vars(verdict), "red": verdict.red}


def red_reasons(gate: Gate, asked_for: str) -> list[str]:
    """Say what makes a gate red, a line for each verdict: model, check, measured, required."""
    name = gate.model if gate.model == asked_for else f"{gate.model} ({asked_for})"
    return [f"{name}: {verdict}" for verdict in gate.red]
