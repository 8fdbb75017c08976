"""The verdicts of the gate as the table that ends a run."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from embedding_gate.text_table import aligned, wrapped
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import NOT_CALIBRATED, NOT_OFFERED, UNJUDGED, Outcome, Verdict

__all__ = ["HEADER", "badness", "cells", "gate_table", "tally"]

LONGEST = 36  # characters of a check's name, which may end in a user's topic: so a row keeps to 100 columns
HEADER = ("check", "measured", "required", "margin", "verdict")


def gate_table(gate: Gate, asked_for: str, notes: Sequence[str] = ()) -> list[str]:
    """Return the lines of a gate's table, worst first. Evidence is below each failed check.

    What the subject does not offer stands below, in a line for each thing that checks need.

    asked_for: the model as the user named it, shown if it differs from the model's name.
    notes: lines below the table.
    """
    verdicts = sorted((one for one in gate.verdicts if one.outcome != NOT_OFFERED), key=badness)
    rows = aligned([HEADER, *(cells(verdict) for verdict in verdicts)])
    name = gate.model if asked_for == gate.model else f"{gate.model} ({asked_for})"
    lines = [f"{name}: {tally(verdict.outcome for verdict in gate.verdicts)}"]
    shown = ["", *("" if verdict.outcome == "pass" else verdict.evidence for verdict in verdicts)]
    for row, evidence, below in zip(rows, shown, [*shown[1:], ""], strict=True):
        lines.append(row)
        if evidence and evidence != below:  # several rows with the same evidence show it once, below the last
            lines += wrapped(f"      {evidence}")
    if any(verdict.outcome == NOT_CALIBRATED and not math.isnan(verdict.measured) for verdict in verdicts):
        lines.append("  not calibrated: shown, not judged; this model has no threshold on these texts")
    return [*lines, *_not_offered(gate.verdicts), *notes]


def _not_offered(verdicts: Iterable[Verdict]) -> list[str]:
    checks = defaultdict[str, list[str]](list)
    for verdict in verdicts:
        if verdict.outcome == NOT_OFFERED:
            checks[verdict.evidence].append(verdict.check)
    named = (f"  {NOT_OFFERED}: {', '.join(of)} ({needs})" for needs, of in sorted(checks.items()))
    return [line for one in named for line in wrapped(one)]


def tally(outcomes: Iterable[Outcome]) -> str:
    """Say how many of the judged checks are red or passed, and how many judged nothing, by outcome."""
    counts = Counter(outcomes)
    unjudged = [f"{counts[one]} {one}" for one in UNJUDGED if counts[one]]
    red = counts["FAIL"] + counts["ERROR"]
    judged = f"{red} of {red + counts['pass']} checks red" if red else f"{counts['pass']} checks passed"
    return ", ".join([judged, *unjudged])


def badness(verdict: Verdict) -> tuple[bool, bool, float]:
    """Return what sorts verdicts, worst first. What judged nothing stands together, by outcome."""
    unjudged = verdict.outcome in UNJUDGED
    return (not verdict.red, unjudged, UNJUDGED.index(verdict.outcome) if unjudged else verdict.margin)


def cells(verdict: Verdict) -> tuple[str, str, str, str, str]:
    """Return the cells of a verdict beneath HEADER."""
    measured = (
        "-" if math.isnan(verdict.measured) and verdict.outcome != "FAIL" else f"{verdict.measured:.3g}"
    )
    if math.isnan(verdict.margin):
        margin = "-"
    elif verdict.required == "<= 0" and not verdict.red:
        margin = "exact"
    else:
        margin = f"{verdict.margin:.3g}x" if verdict.margin < 1000 else ">999x"
    name = verdict.check if len(verdict.check) <= LONGEST else f"{verdict.check[: LONGEST - 1]}…"
    return (name, measured, verdict.required, margin, verdict.outcome)
