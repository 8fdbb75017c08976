"""What the outcomes prove: which checks kill a fault, how surely, and which faults need which check."""

import math
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks.harness.audits import AUDITS
from embedding_gate import register
from embedding_gate.verdicts.gate import check_name
from embedding_gate.verdicts.thresholds import Verdict
from tests.faults.catalogue import BY_NAME, Fault
from tests.faults.matrix import Outcome
from tests.faults.simulated import RULES
from tests.faults.sureness import surest

__all__ = [
    "GOLDENS",
    "Gate",
    "Row",
    "all_checks",
    "as_data",
    "checks_of",
    "gates",
    "missed_without",
    "rows_of",
    "single_checks",
    "without",
]

# Checks that need goldens: vectors that an independent implementation gave for the model.
GOLDENS = frozenset(
    {
        "anisotropy",
        "category similarity",
        "cohesion",
        "files",
        "hidden state parity",
        "long parity",
        "nearest neighbour",
        "pairs",
        "pairs parity",
        "parity",
        "pooled length",
        "prompts",
        "retrieval",
        "retrieval parity",
        "separation",
        "token ids",
        "topic auc",
        "topics parity",
    }
)


@dataclass(frozen=True)
class Row:
    """A fault or benign variant, and the outcome of each of its runs."""

    fault: Fault
    outcomes: tuple[Outcome, ...]

    def red(self, without: Collection[str] = ()) -> bool:
        """Tell whether any check is red in every run, or in any run of a benign variant.

        without: checks that do not count.
        """
        found = (outcome.checks - set(without) for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def outcome(self) -> str:
        """Return "killed" or "survived"; for a benign variant "passed" or "false alarm"."""
        red, green = ("false alarm", "passed") if self.fault.benign else ("killed", "survived")
        return red if self.red() else green

    def by(self, check: str) -> bool:
        """Tell whether that check is red in every run, or in any run of a benign variant."""
        found = (check in outcome.checks for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def usual(self) -> bool:
        """Tell whether a gate of the usual kind is red in every run, or in any run of a benign variant."""
        found = (any(verdict.red for verdict in outcome.usual) for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def mark(self, check: str) -> str:
        """Return "x" for red, "o" for red in some runs, "." for green, " " for not judged."""
        red = [check in outcome.checks for outcome in self.outcomes]
        if any(red):
            return "x" if all(red) else "o"
        judged = any(
            check_of(verdict) == check and verdict.outcome == "pass"
            for outcome in self.outcomes
            for verdict in outcome.verdicts
        )
        return "." if judged else " "


def rows_of(outcomes: Iterable[Outcome]) -> list[Row]:
    """Collect the runs of each fault, in the order of the catalogue."""
    found: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        found[outcome.name].append(outcome)
    return [
        Row(fault, tuple(sorted(found[name], key=lambda outcome: outcome.seed)))
        for name, fault in BY_NAME.items()
        if name in found
    ]


def check_of(verdict: Verdict) -> str:
    """Return the check that gave a verdict, without its part."""
    return verdict.check.partition(":")[0]


def all_checks() -> list[str]:
    """Name the checks of the gate and the audits of the measurements, in the order of their files."""
    return [*(check_name(name) for name in register.live_tests()), *AUDITS, RULES]


def checks_of(rows: Iterable[Row]) -> list[str]:
    """Name the checks that judged anything."""
    verdicts = (verdict for row in rows for outcome in row.outcomes for verdict in outcome.verdicts)
    judged = {check_of(verdict) for verdict in verdicts if verdict.judged}
    return [check for check in all_checks() if check in judged]


# --- what would be missed ---


@dataclass(frozen=True)
class Gate:
    """A gate, or a single check as a gate: how many faults it kills and how many benign variants it flags.

    alone: of a single check, the faults that survive without it. Empty for a gate of several checks.
    alone_without_goldens: of a single check, the faults that survive without it if the model has no goldens
        either, so that the checks that need goldens judge nothing.
    """

    name: str
    kills: int
    faults: int
    alarms: int
    variants: int
    alone: tuple[str, ...] = ()
    alone_without_goldens: tuple[str, ...] = ()


def gates(rows: Sequence[Row]) -> list[Gate]:
    """Return this gate, this gate without goldens, and one of the usual kind."""
    return [
        _gate("all checks", rows, Row.red),
        _gate("all that need no goldens", rows, lambda row: row.red(GOLDENS)),
        _gate("usual kind: norm, similarity, cohesion", rows, Row.usual),
    ]


def single_checks(rows: Sequence[Row]) -> list[Gate]:
    """Return each check as a gate of its own."""
    return [
        replace(
            _gate(check, rows, partial(Row.by, check=check)),
            alone=tuple(missed_without({check}, rows)),
            alone_without_goldens=tuple(missed_without({check}, rows, GOLDENS)),
        )
        for check in checks_of(rows)
    ]


def _gate(name: str, rows: Sequence[Row], red: Callable[[Row], bool]) -> Gate:
    bad, good = ([row for row in rows if row.fault.benign is benign] for benign in (False, True))
    return Gate(name, sum(map(red, bad)), len(bad), sum(map(red, good)), len(good))


def missed_without(taken: Collection[str], rows: Iterable[Row], before: Collection[str] = ()) -> list[str]:
    """Name the faults that survive if the checks ``taken`` go. The checks ``before`` have gone already."""
    bad = (row for row in rows if not row.fault.benign)
    return [row.fault.name for row in bad if row.red(before) and not row.red({*before, *taken})]


# --- as data ---


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the kill matrix as data for JSON. Numbers that are not finite become None."""
    checks = checks_of(rows)
    return {
        "checks": checks,
        "gates": [vars(gate) for gate in (*gates(rows), *single_checks(rows))],
        "faults": [_fault_as_data(row, checks) for row in rows],
    }


def _fault_as_data(row: Row, checks: Iterable[str]) -> dict[str, Any]:
    fault, (check, sure) = row.fault, surest(row.outcomes)
    return {
        "name": fault.name,
        "cause": fault.cause,
        "what": fault.what,
        "where": fault.where,
        "source": fault.source,
        "model": fault.model.rpartition("/")[2],
        "precision": fault.precision,
        "benign": fault.benign,
        "killers": list(fault.killers),
        "marks": "".join(map(row.mark, checks)),
        "outcome": row.outcome(),
        "usual_kind_red": row.usual(),
        "strongest": {"check": check, "benign_spreads": finite(sure)},
        "runs": [
            {"seed": one.seed, "seconds": one.seconds, "verdicts": list(_verdicts(one))}
            for one in row.outcomes
        ],
    }


def _verdicts(outcome: Outcome) -> Iterator[dict[str, Any]]:
    for verdict in outcome.verdicts:
        yield {
            "check": verdict.check,
            "measured": finite(verdict.measured),
            "required": verdict.required,
            "margin": finite(verdict.margin),
            "outcome": verdict.outcome,
            "evidence": verdict.evidence,
        }


def finite(number: float) -> float | None:
    """Return the number, or None if it is not finite, because JSON has no such numbers."""
    return number if math.isfinite(number) else None


def without(outcome: Outcome, checks: Collection[str]) -> Outcome:
    """Return an outcome without the verdicts of those checks."""
    kept = tuple(verdict for verdict in outcome.verdicts if check_of(verdict) not in checks)
    return replace(outcome, verdicts=kept)
