"""The gate's power: each fault is killed by the checks named for it, no benign variant is flagged."""

import pytest

from tests.faults.catalogue import Fault
from tests.faults.matrix import Outcome

pytestmark = pytest.mark.faults


def test_fault_is_killed(fault: Fault, outcome: Outcome) -> None:
    """The checks named for the fault are red."""
    survived = set(fault.killers) - outcome.checks
    assert outcome.red, f"{fault.what} ({fault.where}): SURVIVED; {fault.source}"
    assert not survived, f"{fault.what} ({fault.where}): not killed by {sorted(survived)}; {fault.source}"


def test_benign_variant_passes(variant: Fault, outcome: Outcome) -> None:
    """No check is red."""
    assert not variant.killers
    assert not outcome.red, [str(verdict) for verdict in outcome.red]
