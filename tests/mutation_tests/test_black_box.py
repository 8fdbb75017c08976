"""What the proof with vectors alone prints, on outcomes made by hand; and one fault that is judged so."""

import pytest

from embedding_gate.verdicts.thresholds import Threshold
from tests.faults.black_box import lines_of
from tests.faults.catalogue import BENIGN, BY_NAME, FAULTS
from tests.faults.matrix import Outcome, judge

LIMIT = Threshold("parity", "any", 5e-7, "", at_most=2e-6)

INSIDE = ("cached", "hidden state parity", "token ids")


def outcome(name: str, measured: float) -> Outcome:
    return Outcome(name, 0, (LIMIT.judge(measured),), {"parity": LIMIT})


def test_survivors_and_alarms_are_named() -> None:
    one, other, good = FAULTS[0], FAULTS[1], BENIGN[0]
    faults = [one, other, good]
    found = lines_of(
        faults,
        {
            one.name: outcome(one.name, 1),
            other.name: outcome(other.name, 0),
            good.name: outcome(good.name, 1),
        },
        "function",
    )
    assert found[0] == "  1 of 2 faults killed through a function, 1 of 1 false alarms"
    assert found[1].startswith(f"  survived, {other.cause}: {other.name} (needs {other.killers[0]}")
    assert found[2] == f"  FALSE ALARM: {good.name}: parity"
    assert len(found) == 3


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
