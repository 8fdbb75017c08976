"""Some faults of the library are seen through a function and through a server, by vectors alone."""

import pytest

from tests.faults.catalogue import BY_NAME
from tests.faults.matrix import judge

pytestmark = pytest.mark.faults
INSIDE = ("cached", "hidden state parity", "token ids")


@pytest.mark.parametrize(("name", "check"), [("order of a set", "permuted"), ("RMS epsilon", "parity")])
def test_a_fault_is_seen_through_a_function(name: str, check: str) -> None:
    """What the function does not offer is not asked of the library behind it."""
    found = judge(name, only=(check, *INSIDE), through="function")
    assert check in found.checks
    assert not [verdict for verdict in found.verdicts if verdict.outcome == "ERROR"]
    lacking = {verdict.check for verdict in found.verdicts if verdict.outcome == "not offered"}
    assert lacking == set(INSIDE)
    assert BY_NAME[name].killers


@pytest.mark.parametrize(
    ("name", "check"),
    [
        ("order of a set", "permuted"),
        ("shorter, not normalised again", "shorter dimensions"),
        ("last of 64 texts", "call sizes"),
    ],
)
def test_a_fault_is_seen_through_a_server(name: str, check: str) -> None:
    """The server asks the library for all that a request asks of it."""
    found = judge(name, through="server", named_only=True)
    assert check in found.checks
    assert not [verdict for verdict in found.verdicts if verdict.outcome == "ERROR"]
