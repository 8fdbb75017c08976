"""The gate's power: each fault is killed by the checks named for it, no benign variant is flagged."""

import pytest

from embeddings.catalog import DEFAULT_MODEL
from tests import harness
from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import judge

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_killed(fault: Fault) -> None:
    """The checks named for the fault are red."""
    outcome = judge(fault, DEFAULT_MODEL)
    survived = set(fault.killers) - set(outcome.red)
    assert not survived, f"not killed by {sorted(survived)}; red: {outcome.red}"


@pytest.mark.parametrize("variant", BENIGN, ids=lambda variant: variant.name)
def test_benign_variant_passes(variant: Fault) -> None:
    """No check is red."""
    outcome = judge(variant, DEFAULT_MODEL)
    assert not outcome.red, [str(verdict) for verdict in outcome.gate.red]


def test_every_check_kills_a_fault() -> None:
    """A check that no fault turns red might as well not be there."""
    named = {check for fault in FAULTS for check in fault.killers}
    assert {name.removeprefix("test_").replace("_", " ") for name, _ in harness.gate_tests()} == named
