"""What share of random faults dies: on few runs. ``make faults`` makes hundreds."""

import pytest

from tests.faults import random_faults
from tests.faults.random_faults import KINDS, Kind, Rate

THREADS = next(kind for kind in KINDS if kind.name == "threads")


def test_a_share_is_said_with_its_interval() -> None:
    assert Rate("some", 0.95, (True,) * 200).cells == (
        "some",
        "200 of 200",
        "100.0% (98.2% to 100.0%)",
        ">= 95%",
    )
    assert Rate("some", 0.0, ()).cells == ("some", "0 of 0", "-", "-")
    assert Rate("some", 0.95, (True, False)).cells[-1] == ">= 95%: FAIL"


def nothing(*_: object) -> int:
    """Inject no fault."""
    return 0


@pytest.mark.parametrize("harmless", [False, True])
def test_a_run_fails_where_too_few_die(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *, harmless: bool
) -> None:
    """A change that is no fault dies in no run, so that the checks are no mere sign of a run."""
    unhurt = Kind("threads", THREADS.test, nothing, 1, (("no fault", 0, 0, 0.95),))
    monkeypatch.setattr(random_faults, "KINDS", (unhurt if harmless else THREADS,))
    with pytest.raises(SystemExit) as ended:
        random_faults.main(["threads", "--seeds=1"])
    assert bool(ended.value.code) is harmless
    assert ("FAIL" in capsys.readouterr().out) is harmless
