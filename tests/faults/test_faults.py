"""The gate's power: each fault is killed by the checks named for it, no benign variant is flagged."""

import pytest

from embeddings.evaluation.gate import check_name
from tests import harness
from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import Outcome

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_killed(fault: Fault, outcome: Outcome) -> None:
    """The checks named for the fault are red."""
    survived = set(fault.killers) - outcome.checks
    assert not survived, f"{fault.what} ({fault.where}): not killed by {sorted(survived)}; {fault.source}"


@pytest.mark.parametrize("fault", BENIGN, ids=lambda fault: fault.name)
def test_benign_variant_passes(fault: Fault, outcome: Outcome) -> None:
    """No check is red."""
    assert not fault.killers
    assert not outcome.red, [str(verdict) for verdict in outcome.red]


def test_every_check_kills_a_fault() -> None:
    """A check that no fault turns red might as well not be there."""
    named = {check for fault in FAULTS for check in fault.killers}
    assert {check_name(name) for name in harness.live_tests()} == named
