"""The gate's verdicts as a table that a stranger understands."""

import math

from embeddings.evaluation.gate import Gate, Verdict

__all__ = ["gate_table"]

_HEADER = ("check", "measured", "required", "margin", "verdict")


def gate_table(gate: Gate, asked_for: str) -> list[str]:
    """Return the lines of a gate's table, worst first, with what was found beneath each red check.

    asked_for: the model as the user named it, shown beside its own name where that differs.
    """
    verdicts = sorted(gate.verdicts, key=_badness)
    rows = [_HEADER, *(_cells(verdict) for verdict in verdicts)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEADER))]
    name = gate.model if asked_for == gate.model else f"{gate.model} ({asked_for})"
    lines = [f"{name}: {_summary(gate)}"]
    for row, verdict in zip(rows, [None, *verdicts], strict=True):
        lines.append(
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )
        if verdict and verdict.evidence and verdict.outcome != "pass":
            lines.append(f"      {verdict.evidence}")
    return lines


def _summary(gate: Gate) -> str:
    counts = {
        outcome: sum(v.outcome == outcome for v in gate.verdicts) for outcome in ("pass", "uncalibrated")
    }
    parts = [
        f"{len(gate.red)} of {len(gate.verdicts)} checks red"
        if gate.red
        else f"{counts['pass']} checks passed"
    ]
    if counts["uncalibrated"]:
        parts.append(f"{counts['uncalibrated']} uncalibrated")
    return ", ".join(parts)


def _badness(verdict: Verdict) -> tuple[bool, bool, float]:
    return (not verdict.red, math.isnan(verdict.margin), verdict.margin)


def _cells(verdict: Verdict) -> tuple[str, str, str, str, str]:
    measured = (
        "-" if math.isnan(verdict.measured) and verdict.outcome != "FAIL" else f"{verdict.measured:.3g}"
    )
    if math.isnan(verdict.margin):
        margin = "-"
    elif verdict.required == "<= 0" and not verdict.red:
        margin = "exact"
    else:
        margin = f"{verdict.margin:.3g}x" if verdict.margin < 1000 else ">999x"
    return (verdict.check, measured, verdict.required, margin, verdict.outcome)
