"""The gate's verdicts: what is red, why, what to do, and every check."""

import math
from collections.abc import Iterator

from embedding_gate.report.blocks import Block, Items, Section, Table, Text
from embedding_gate.report.schema import models as schema
from embedding_gate.report.schema.record import Made, Record
from embedding_gate.verdicts.last_line import WHOLE
from embedding_gate.verdicts.table import HEADER, badness, cells, tally
from embedding_gate.verdicts.thresholds import UNJUDGED, Verdict

__all__ = ["LIMITS", "as_verdict", "checks", "conclusion", "unlisted_reasons", "verdict"]

REASONS = 40  # of a page; report.json has all
NEAREST, FAR = 3, 1000  # checks that are named in the conclusion; the margin from which none is near
LIMITS = "docs/limitations.md says what the gate cannot see."
LOOKS = "looks like: "  # how the gate begins a line that names likely faults


def verdict(record: Record) -> Section:
    """Pass or fail, the likely fault, what to do, why, and what was judged by what."""
    likely = [_likely(model.name, line) for model in record.models for line in model.looks_like]
    blocks: list[Block] = [
        *(Text(f"{model.name}: {model.reindex.line}.") for model in record.models if model.reindex),
        Text(f"{record.verdict.upper()}. {_tally(record)}"),
        *map(Text, likely),
        Text(f"What to do: {_what_to_do(record)}"),
        *_reasons(unlisted_reasons(record)),
        *_red(record),
        Text(_made(record.made)),
    ]
    return Section("Verdict", blocks)


def _red(record: Record) -> list[Block]:
    """Return the table of the red checks, which names the model only where there are several."""
    several = len(record.models) > 1
    rows = [
        (
            *([model.name] if several else []),
            *_cells(one),
            one.evidence or "-",
            model.threshold_lines.get(one.check, "-"),
        )
        for model in record.models
        for one in sorted(model.red, key=_badness)
    ]
    header = (*(["model"] if several else []), *HEADER, "evidence", "threshold")
    return [Table("Red checks, and where their thresholds stand", header, rows[:REASONS])] if rows else []


def conclusion(record: Record) -> Section | None:
    """What the verdict rests on: the passes that are nearest to red, what was not judged, and the limits."""
    lines = [line for model in record.models for line in _rests_on(model)]
    return Section("Conclusion", [Items([*lines, LIMITS])]) if lines else None


def _rests_on(model: schema.Model) -> Iterator[str]:
    passed = [one for one in sorted(model.verdicts, key=_badness) if one.outcome == "pass"]
    if near := [one for one in passed if one.margin is not None and one.margin < FAR]:
        told = ", ".join(f"{one.check} ({_cells(one)[3]})" for one in near[:NEAREST])
        yield f"{model.name}: the checks that pass with the smallest margin are {told}."
    for outcome in UNJUDGED:
        if names := [one.check for one in model.verdicts if one.outcome == outcome]:
            yield f"{model.name}: {outcome}, so nothing was judged: {', '.join(names)}."


def checks(record: Record) -> Section | None:
    """Every verdict of every model, worst first."""
    blocks: list[Block] = []
    for model in record.models:
        rows = [_cells(one) for one in sorted(model.verdicts, key=_badness)]
        blocks += [Table(f"{model.name} ({model.recipe}, {model.precision})", HEADER, rows)]
        blocks += [Items(model.notes)] if model.notes else []
    if not blocks:
        return None
    lead = (
        "The worst check stands first. The margin says how many times worse the measurement could be. "
        "A check is red where its margin is below 1x."
    )
    return Section("Every check", [Text(lead), *blocks])


def unlisted_reasons(record: Record) -> list[str]:
    """Return the reasons that are no red check of a model: the table of red checks shows those."""
    listed = [f"{one.check}: measured " for model in record.models for one in model.red]
    return [reason for reason in record.reasons if not any(one in reason for one in listed)]


def as_verdict(one: schema.Verdict) -> Verdict:
    """Return a verdict of a record as the gate had it: where a pass has no margin, it had no limit."""
    no_margin = math.inf if one.outcome == "pass" else math.nan
    return Verdict(
        one.check,
        math.nan if one.measured is None else one.measured,
        one.required,
        no_margin if one.margin is None else one.margin,
        one.outcome,
        one.evidence,
    )


def _badness(one: schema.Verdict) -> tuple[bool, bool, float]:
    return badness(as_verdict(one))


def _cells(one: schema.Verdict) -> tuple[str, str, str, str, str]:
    return cells(as_verdict(one))


def _likely(name: str, line: str) -> str:
    if line.startswith(LOOKS):
        return f"Likely fault of {name}: {line.removeprefix(LOOKS)}."
    return f"{name} {line}."  # "looks like no known fault"


def _what_to_do(record: Record) -> str:
    if record.verdict == "pass":
        if any(model.part for model in record.models):
            return f"{WHOLE.capitalize()}."
        return "Nothing. No check that was judged is red."
    steps = []
    if any(line.startswith(LOOKS) for model in record.models for line in model.looks_like):
        steps.append("Look for the likely fault in the code or in the model's files, and correct it.")
    elif any(model.red for model in record.models):
        steps.append("Find the cause of the first red check below, and correct it.")
    if (judge := record.judge) and judge.changed and not judge.approved:
        steps.append(
            "Undo what this change moves in the judge, or ask a person to approve it (see The judge)."
        )
    if not steps:
        steps.append("Read the reasons below and the log of the run, and correct the cause.")
    return f"{' '.join(steps)} Then run `{_command(record.made)}` again."


def _command(made: Made) -> str:
    return made.command.replace("`", " ")


def _made(made: Made) -> str:
    commit = (made.revision or "no commit")[:12]
    changed = ", with changes that are not committed" if made.changed else ""
    return (
        f"`{_command(made)}`, {made.when}: embedding-gate {made.version} at {commit}{changed}; "
        f"Python {made.python}, MLX {made.mlx} on {made.machine} ({made.device})."
    )


def _tally(record: Record) -> str:
    counts = []
    for model in record.models:
        part = f"A PART OF THE GATE, {model.part}. " if model.part else ""
        counts.append(f"{part}{model.name}: {tally(one.outcome for one in model.verdicts)}.")
    for name, audits in record.audits.items():
        red = sum(one.red for one in audits)
        told = f"{red} of {len(audits)} audits red" if red else f"{len(audits)} audits passed"
        counts.append(f"{name}: {told}.")
    if claims := record.claims:
        counts.append(f"{sum(one.red for one in claims)} of {len(claims)} claims not as expected.")
    if matrix := record.kill_matrix:
        bad = [one for one in matrix.faults if not one.benign]
        killed = sum(one.outcome == "killed" for one in bad)
        counts.append(f"{killed} of {len(bad)} injected faults killed.")
    return " ".join(counts)


def _reasons(reasons: list[str]) -> list[Block]:
    return [Items(reasons[:REASONS], max(len(reasons) - REASONS, 0))] if reasons else []
