"""Each fault of a server dies by the check that is named for it; correct variants raise no alarm."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from embedding_gate.endpoint.client import Client
from embedding_gate.endpoint.reply import Reply
from embedding_gate.register import endpoint_tests
from embedding_gate.verdicts.gate import check_name
from tests.faults.endpoints import BENIGN, FAULTS, EndpointFault
from tests.support.endpoints import judge, right_service
from tests.support.server import Running, serve

pytestmark = pytest.mark.faults
SLOW = {"slow reader", "many clients", "cancelled request"}
CHECKS = {check_name(name) for name in endpoint_tests()}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(right_service()) as found:
        yield found


@pytest.fixture(scope="module")
def seeds(pytestconfig: pytest.Config) -> int:
    """How many samples of texts each fault gets: --seeds."""
    return int(pytestconfig.getoption("seeds"))


def name_of(fault: EndpointFault) -> str:
    return fault.name


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for others only a second while a client does not read: faults of this kind are seen by a silence.

    All other answers have a minute: a busy machine may need seconds for the first ones.
    """
    unread = Client.unread

    @contextmanager
    def begun(client: Client, body: Any) -> Iterator[Callable[[], Reply]]:
        with unread(client, body) as finish:
            monkeypatch.setattr(client, "_timeout", 1.0)
            yield finish

    monkeypatch.setattr(Client, "unread", begun)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("broken", FAULTS, ids=name_of)
def test_fault_dies(running: Running, broken: EndpointFault, seeds: int) -> None:
    for seed in range(1 if broken.killer in SLOW else seeds):
        running.service = right_service()
        broken.inject(running.service)
        gate = judge(running.place, form=broken.form, seed=seed, only=[broken.killer])
        (verdict,) = gate.verdicts
        assert verdict.outcome == "FAIL", (seed, verdict)
        assert verdict.measured >= 1
        assert verdict.evidence


@pytest.mark.parametrize("right", BENIGN, ids=name_of)
def test_correct_variant_raises_no_alarm(running: Running, right: EndpointFault) -> None:
    running.service = right_service()
    right.inject(running.service)
    whole = right.name.startswith(("as it is", "all"))
    gate = judge(running.place, form=right.form, only=() if whole else CHECKS - SLOW)
    assert not [str(verdict) for verdict in gate.red]
    assert gate.claims == (CHECKS if whole else CHECKS - SLOW)


def test_correct_variants_at_once(running: Running, seeds: int) -> None:
    for seed in range(seeds):
        running.service = right_service()
        BENIGN[-1].inject(running.service)
        gate = judge(running.place, seed=seed)
        assert not [str(verdict) for verdict in gate.red]
