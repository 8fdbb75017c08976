"""The verdicts of the gate and on published claims, as tables that a stranger understands."""

import math
import textwrap
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from embeddings.evaluation.claims import Claim
from embeddings.evaluation.gate import Gate
from embeddings.evaluation.published import Comparison
from embeddings.evaluation.roofline import Device
from embeddings.evaluation.thresholds import Verdict

__all__ = ["aligned", "claims_table", "gate_table", "published_table"]

_HEADER = ("check", "measured", "required", "margin", "verdict")


def gate_table(gate: Gate, asked_for: str, notes: Sequence[str] = ()) -> list[str]:
    """Return the lines of a gate's table, worst first, with what was found beneath each red check.

    asked_for: the model as the user named it, shown beside its own name where that differs.
    notes: lines to set beneath the table.
    """
    verdicts = sorted(gate.verdicts, key=_badness)
    rows = aligned([_HEADER, *(_cells(verdict) for verdict in verdicts)])
    name = gate.model if asked_for == gate.model else f"{gate.model} ({asked_for})"
    lines = [f"{name}: {_summary(gate)}"]
    shown = ["", *("" if verdict.outcome == "pass" else verdict.evidence for verdict in verdicts)]
    for row, evidence, below in zip(rows, shown, [*shown[1:], ""], strict=True):
        lines.append(row)
        if evidence and evidence != below:  # what several have in common stands once, beneath the last
            lines.append(f"      {evidence}")
    if any(verdict.outcome == "uncalibrated" and not math.isnan(verdict.measured) for verdict in verdicts):
        lines.append("  uncalibrated: shown, not judged; thresholds hold no bar of this model on these texts")
    return [*lines, *notes]


def published_table(found: Sequence[Comparison]) -> list[str]:
    """Return published figures beside measured ones, and what follows."""
    if not found:
        return []
    rows = [
        (
            comparison.figure.quantity,
            comparison.figure.shown,
            "-" if math.isnan(comparison.measured) else f"{comparison.measured:.4g}",
            comparison.outcome,
        )
        for comparison in found
    ]
    return [
        "",
        *aligned([(f"published of {found[0].figure.model}", "published", "measured", "verdict"), *rows]),
    ]


def claims_table(claims: Sequence[Claim], devices: Sequence[Device], width: int = 120) -> list[str]:
    """Return published claims by section, each with its verdict and, beneath, the arithmetic and the devices.

    What neighbours have in common stands once, beneath the last.
    """
    counts = Counter(claim.finding.outcome for claim in claims)
    red = sum(claim.red for claim in claims)
    tally = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    ending = f"; {red} NOT AS EXPECTED" if red else ""
    lines = textwrap.wrap(f"{len(claims)} published claims: {tally}{ending}", width, subsequent_indent="  ")
    beneath = [list(_beneath(claim, devices, width)) for claim in claims]
    section = ""
    for claim, below, following in zip(claims, beneath, [*beneath[1:], []], strict=True):
        if claim.section != section:
            section = claim.section
            lines += ["", f"  {section:<{width - 40}}{'published':>12}  verdict"]
        first, *more = textwrap.wrap(claim.subject, width - 44)
        verdict = claim.finding.outcome + (" FAIL" if claim.red else "")
        lines.append(f"  {first:<{width - 40}}{claim.published:>12}  {verdict}")
        lines += [f"    {line}" for line in more]
        lines += below if below != following else []
    return lines


def _beneath(claim: Claim, devices: Sequence[Device], width: int) -> Iterator[str]:
    """The arithmetic, the classes of devices, and what else was expected."""
    finding = claim.finding
    texts = [finding.arithmetic]
    if finding.chips:
        texts.append(_families(finding.chips, devices))
    if claim.red:
        on = f" on {', '.join(claim.expected_on)}" if claim.expected_on else ""
        texts.append(f"FAIL: expected {claim.expected or 'nothing: give it a verdict'}{on}")
    for text in texts:
        yield from textwrap.wrap(text, width, initial_indent=" " * 6, subsequent_indent=" " * 8)


def _families(chips: Sequence[Device], devices: Sequence[Device]) -> str:
    """Say which families could do it, by which chips where not by all, and which could not."""
    able: list[str] = []
    unable: list[str] = []
    for family in dict.fromkeys(device.family for device in devices):
        members = [device.name for device in devices if device.family == family]
        could = [chip.name for chip in chips if chip.family == family]
        some = f" ({', '.join(could)})" if len(could) < len(members) else ""
        (able if could else unable).append(f"{family}{some if could else ''}")
    return f"could: {', '.join(able) or 'none'}; could not: {', '.join(unable) or 'none'}"


def aligned(rows: Sequence[tuple[str, ...]], *, right: Collection[int] = ()) -> list[str]:
    """Set a table: each column as wide as its widest cell, those numbered in ``right`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


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
