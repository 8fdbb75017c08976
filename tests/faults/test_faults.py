"""The gate's power: each fault is killed by the checks named for it, no benign variant is flagged."""

import pytest

from tests.faults.catalogue import Fault
from tests.faults.matrix import Outcome
from tests.faults.power import Row, all_checks, single_checks, spreads, strongest
from tests.faults.tables import STANDS

pytestmark = pytest.mark.faults
SURE = 5.0  # benign spreads beyond all that right implementations measured; the least was 7.6


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
    """The surest check of a fault is far beyond all that a right implementation measured."""
    spread = spreads(proof)
    sure = {row.fault.name: strongest(row, spread) for row in proof if not row.fault.benign}
    assert {name: found for name, found in sure.items() if found[1] < SURE} == {}


def test_every_check_is_needed(proof: list[Row]) -> None:
    """Without it a fault survives that no other check kills, or a line says why it stays."""
    idle = {one.name for one in single_checks(proof) if not (one.alone or one.alone_without_goldens)}
    assert idle == STANDS.keys()


def test_every_check_kills(proof: list[Row]) -> None:
    """A check that no fault turns red might as well not be there."""
    assert set(all_checks()) == {check for row in proof for one in row.outcomes for check in one.checks}
