"""What the outcomes prove: which checks kill a fault, how surely, and what each is needed for."""

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

# Checks that need what an independent implementation gave for the model's own texts.
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
    """A fault or benign variant, and what was said of it in each of its runs."""

    fault: Fault
    outcomes: tuple[Outcome, ...]

    def red(self, without: Collection[str] = ()) -> bool:
        """Whether a check is red in every run, some checks left out; of a benign variant, in any run."""
        found = (outcome.checks - set(without) for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def outcome(self) -> str:
        """Return what became of it: killed or survived, and of a benign variant passed or false alarm."""
        red, green = ("false alarm", "passed") if self.fault.benign else ("killed", "survived")
        return red if self.red() else green

    def by(self, check: str) -> bool:
        """Whether that check is red in every run; of a benign variant, in any."""
        found = (check in outcome.checks for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def usual(self) -> bool:
        """Whether a gate of the usual kind is red in every run; of a benign variant, in any."""
        found = (any(verdict.red for verdict in outcome.usual) for outcome in self.outcomes)
        return any(found) if self.fault.benign else all(found)

    def mark(self, check: str) -> str:
        """Return "x" for red, "o" for red in some runs, "." for green, " " where it judges no such model."""
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
    """A gate, by what it kills and flags.

    alone: of one check, the faults that would survive without it; none of a gate of several.
    alone_without_goldens: those that would do so where a model has no goldens, and the checks that need them
        say nothing.
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
    """Name the faults that survive once those checks are taken out, others having been ``before``."""
    bad = (row for row in rows if not row.fault.benign)
    return [row.fault.name for row in bad if row.red(before) and not row.red({*before, *taken})]


# --- as data ---


def as_data(rows: Sequence[Row]) -> dict[str, Any]:
    """Return all of it as JSON holds it: numbers that are not finite as null."""
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
    """Return the number, or None where JSON has none for it."""
    return number if math.isfinite(number) else None


def without(outcome: Outcome, checks: Collection[str]) -> Outcome:
    """Return an outcome as it would be if those checks were not there."""
    kept = tuple(verdict for verdict in outcome.verdicts if check_of(verdict) not in checks)
    return replace(outcome, verdicts=kept)
