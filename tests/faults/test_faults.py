"""The gate's power: the named checks kill each fault, and no check flags a benign variant."""

import pytest

from tests.faults.catalogue import Fault
from tests.faults.matrix import Outcome
from tests.faults.power import Row
from tests.faults.sureness import surest

pytestmark = pytest.mark.faults
SURE = 1.0  # the least excess: see excess in sureness.py


def test_fault_is_killed(fault: Fault, outcome: Outcome, taken_out: set[str]) -> None:
    """The checks named for the fault are red."""
    survived = set(fault.killers) - outcome.checks - taken_out
    assert outcome.red, f"SURVIVED: {fault.what} ({fault.where}); {fault.source}"
    assert not survived, f"not killed by {sorted(survived)}: {fault.what} ({fault.where}); {fault.source}"


def test_benign_variant_passes(variant: Fault, outcome: Outcome) -> None:
    """No check is red."""
    assert not variant.killers
    assert not outcome.red, [str(verdict) for verdict in outcome.red]


def test_no_kill_is_luck(proof: list[Row]) -> None:
    """At least one check of each fault is far beyond its threshold, in every run."""
    sure = {row.fault.name: surest(row.outcomes) for row in proof if not row.fault.benign}
    assert {name: found for name, found in sure.items() if found[1] < SURE} == {}
