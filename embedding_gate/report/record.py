"""The record of a run: plain data, as schema.json describes it. The page and Markdown show it, no more."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from embedding_gate.errors import InputError
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict

__all__ = [
    "SCHEMA",
    "Record",
    "make_record",
    "merged",
    "model_as_data",
    "plain",
    "read_record",
    "red_reasons",
    "verdict_as_data",
]

Record = dict[str, Any]
SCHEMA = Path(__file__).with_name("schema.json")
EMPTY: Mapping[str, Any] = {
    "models": [],
    "speed": [],
    "audits": {},
    "steps": [],
    "peers": [],
    "published": [],
    "claims": [],
    "kill_matrix": None,
    "against": None,
    "judge": None,
    "history": [],
}
SAME = ("revision", "changed", "version", "mlx", "device", "machine")
UNEXPLAINED = "a test failed: see the log of the run"


def make_record(made: Mapping[str, Any], parts: Iterable[Mapping[str, Any]], *, passed: bool) -> Record:
    """Put together what the parts of a run found.

    made: when, by what and on what. parts: keys of the record -> what one part of the run adds to them, and
    "reasons" where it is red.
    """
    record: Record = {
        "schema": 1,
        "made": made,
        "verdict": "pass" if passed else "fail",
        "reasons": [],
        **EMPTY,
    }
    for part in parts:
        _add(record, part)
    if not passed and not record["reasons"]:
        record["reasons"] = [UNEXPLAINED]
    return dict(plain(record))


def merged(records: Sequence[Record]) -> Record:
    """Put the records of several runs of one tree on one machine together: red where one of them is.

    Raises:
        InputError: they are of different trees or machines: their figures do not belong on one page.

    """
    first, *others = (record["made"] for record in records)
    for made in others:
        if other := [key for key in SAME if made[key] != first[key]]:
            raise InputError(
                "reports",
                f"{other[0]} differs: {first[other[0]]} and {made[other[0]]}",
                hint="run them on one tree and one machine",
            )
    made = {
        **first,
        "when": max(record["made"]["when"] for record in records),
        "command": "; ".join(record["made"]["command"] for record in records),
    }
    parts = [{key: record[key] for key in ("reasons", *EMPTY)} for record in records]
    return make_record(made, parts, passed=all(record["verdict"] == "pass" for record in records))


def _add(record: Record, part: Mapping[str, Any]) -> None:
    """Add a part: what is new of a list, the entries of a mapping from models, anything else as it is."""
    for key, found in part.items():
        known = record[key]
        if isinstance(known, list):
            record[key] = [*known, *(one for one in found if one not in known)]
        elif key == "audits":
            record[key] = {**known, **found}
        elif found is not None:
            record[key] = found


def read_record(path: Path) -> Record:
    """Read a report.json.

    Raises:
        InputError: it is none, or of another version.

    """
    hint = "write it anew: pytest -m quality --report=DIR"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", hint=hint) from error
    keys = {"schema", "made", "verdict", "reasons", *EMPTY}
    if not isinstance(record, dict) or record.keys() != keys or record["schema"] != 1:
        raise InputError(path, "is no record of this version", hint=hint)
    return record


def plain(value: Any) -> Any:
    """Return the value in types of JSON alone: a number that is not finite as null, NumPy's as Python's.

    Half of a surrogate pair, which no UTF-8 file can hold, becomes a question mark.
    """
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
    return {
        "check": verdict.check,
        "measured": verdict.measured,
        "required": verdict.required,
        "margin": verdict.margin,
        "outcome": verdict.outcome,
        "evidence": verdict.evidence,
        "red": verdict.red,
    }


def red_reasons(gate: Gate, asked_for: str) -> list[str]:
    """Say what makes a gate red, a line for each verdict: model, check, measured, required."""
    name = gate.model if gate.model == asked_for else f"{gate.model} ({asked_for})"
    return [f"{name}: {verdict}" for verdict in gate.red]
