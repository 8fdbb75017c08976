"""What a red run looks like is what it is: the fault, or the cause of one that nobody recorded."""

import pytest

from embeddings.evaluation.diagnosis import read_signatures
from tests import harness
from tests.faults.power import Row
from tests.faults.signatures import named

pytestmark = pytest.mark.faults
BAR = 0.8  # of the faults, among the first three named


@pytest.mark.parametrize("left_out", [False, True], ids=["the fault", "its cause, the fault left out"])
def test_likely_faults_are_named(proof: list[Row], *, left_out: bool) -> None:
    """The signatures were recorded on other texts than the faults are judged on here."""
    found = named(
        [one for row in proof for one in row.outcomes], read_signatures(harness.SIGNATURES), left_out=left_out
    )
    assert found.share >= BAR, "\n".join(found.lines)
