"""Random faults: the stated share of many runs dies."""

import pytest

from tests.faults.rates import KINDS, Kind, Rate, rate_of

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_random_faults_die(kind: Kind, rates: list[Rate]) -> None:
    """A share that is not asked for is printed all the same."""
    rates.append(found := rate_of(kind))
    assert found.share >= kind.least, str(found)
