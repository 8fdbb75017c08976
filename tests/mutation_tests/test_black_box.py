"""What the proof with vectors alone prints, on outcomes made by hand."""

from embedding_gate.verdicts.thresholds import Threshold
from tests.faults.black_box import lines_of
from tests.faults.catalogue import BENIGN, FAULTS
from tests.faults.matrix import Outcome

LIMIT = Threshold("parity", "any", 5e-7, "", at_most=2e-6)


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
