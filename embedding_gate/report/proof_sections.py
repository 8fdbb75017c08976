"""The sections on what the gate is worth, and on what changed over time."""

from collections import Counter
from collections.abc import Sequence

from embedding_gate.report.blocks import Columns, Picture, Section, Text, grouped, number, table
from embedding_gate.report.matrix import by_cause, red_checks
from embedding_gate.report.schema.proof import Claim, Fault, FaultGate, KillMatrix
from embedding_gate.report.schema.record import Record, Run
from embedding_gate.report.series import summarised

__all__ = ["claims", "history", "kill_matrix"]

MOST = 4  # checks named beside a cause


def kill_matrix(record: Record) -> Section | None:
    """Which check killed each fault, and what that is worth beside other gates."""
    if (matrix := record.kill_matrix) is None:
        return None
    say = (
        "Faults are injected one at a time, and the checks run on the faulty library. Alone: how many faults "
        "only this gate kills. Spreads: how far the surest check is from what right implementations measure, "
        "in spreads of these; - where they all measure the same."
    )
    groups, faults = by_cause(matrix.faults), _faults(matrix)
    whole, lone = (
        [one for one in matrix.gates if (one.name in matrix.checks) is single] for single in (False, True)
    )
    return Section(
        "Kill matrix",
        [
            Text(say),
            table("By cause", _causes(matrix), groups.items()),
            Picture("kill matrix"),
            *([table("Gates", GATES, whole)] if whole else []),
            *([table("Each check alone", GATES, lone, folded=True)] if lone else []),
            *(
                table(f"{cause}: {_tally(found)}", faults, found, folded=True)
                for cause, found in groups.items()
            ),
        ],
    )


GATES: Columns[FaultGate] = {
    "gate": lambda one: one.name,
    "kills": lambda one: f"{one.kills} of {one.faults}",
    "false alarms": lambda one: f"{one.alarms} of {one.variants}",
    "alone": lambda one: str(len(one.alone)),
}


def _faults(matrix: KillMatrix) -> Columns[Fault]:
    return {
        "fault": lambda one: one.name,
        "verdict": lambda one: one.outcome,
        "surest check": lambda one: one.strongest.check or "-",
        "spreads": lambda one: number(one.strongest.benign_spreads) if one.strongest.check else "-",
        "red checks": lambda one: ", ".join(red_checks(matrix.checks, one)) or "-",
    }


def _causes(matrix: KillMatrix) -> Columns[tuple[str, list[Fault]]]:
    def most(found: list[Fault]) -> str:
        red = Counter(check for one in found for check in red_checks(matrix.checks, one))
        return ", ".join(f"{check} {count}" for check, count in red.most_common(MOST)) or "-"

    return {
        "cause": lambda one: one[0],
        "verdicts": lambda one: _tally(one[1]),
        "checks that are red most often": lambda one: most(one[1]),
    }


def _tally(found: Sequence[Fault]) -> str:
    """Count outcomes: "11 of 12 killed, 1 survived"."""
    counts = Counter(one.outcome for one in found).most_common()
    (most, count), *rest = counts
    return ", ".join([f"{count} of {len(found)} {most}", *(f"{count} {other}" for other, count in rest)])


def claims(record: Record) -> Section | None:
    """Each published claim, and what arithmetic makes of it."""
    columns: Columns[Claim] = {
        "claim": lambda one: one.subject,
        "published": lambda one: one.published or "-",
        "verdict": lambda one: (
            one.outcome + (f" (FAIL: expected {one.expected or 'nothing'})" if one.red else "")
        ),
        "arithmetic": lambda one: one.arithmetic,
        "could be done on": lambda one: ", ".join(one.devices) or "-",
    }
    groups = grouped(record.claims, lambda one: one.section)
    tables = [table(section, columns, found) for section, found in groups.items()]
    return Section("Claims", tables) if tables else None


def history(record: Record) -> Section | None:
    """Earlier runs, the newest first."""
    if not record.history:
        return None
    columns: Columns[Run] = {
        "when (UTC)": lambda run: run.when.replace("T", " ").removesuffix("Z"),
        "revision": lambda run: (run.revision or "-")[:12],
        "verdict": lambda run: run.verdict,
        "checks": _checks,
        "measurements": _medians,
        "machine": lambda run: f"{run.machine} ({run.device})",
    }
    found = table("This run and earlier ones", columns, reversed(record.history))
    return Section("History", [Picture("history"), found])


def _checks(run: Run) -> str:
    return ", ".join(f"{model.name}: {model.red} of {model.checks} red" for model in run.models) or "-"


def _medians(run: Run) -> str:
    told = (
        f"{one.model} {one.kind} {one.batch} x {one.length}: {number(one.median * 1e3, 4)} ms"
        for one in filter(summarised, run.speed)
    )
    return ", ".join(told) or "-"
