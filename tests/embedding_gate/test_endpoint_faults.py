"""Each fault of a server dies by the check that is named for it; correct variants raise no alarm."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from embedding_gate.endpoint.client import Client
from embedding_gate.endpoint.reply import Reply
from embedding_gate.own_files import ROOT
from embedding_gate.register import endpoint_tests
from embedding_gate.verdicts.gate import check_name
from tests.faults.endpoints import BENIGN, FAULTS, EndpointFault
from tests.support.endpoints import judge, right_service
from tests.support.server import Running, serve

SEEDS = range(5)
SLOW = {"slow reader", "many clients", "cancelled request"}
CHECKS = {check_name(name) for name in endpoint_tests()}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(right_service()) as found:
        yield found


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
@pytest.mark.parametrize("fault", FAULTS, ids=name_of)
def test_fault_dies(running: Running, fault: EndpointFault) -> None:
    for seed in [0] if fault.killer in SLOW else SEEDS:
        running.service = right_service()
        fault.inject(running.service)
        gate = judge(running.place, form=fault.form, seed=seed, only=[fault.killer])
        (verdict,) = gate.verdicts
        assert verdict.outcome == "FAIL", (seed, verdict)
        assert verdict.measured >= 1
        assert verdict.evidence


@pytest.mark.parametrize("variant", BENIGN, ids=name_of)
def test_correct_variant_raises_no_alarm(running: Running, variant: EndpointFault) -> None:
    running.service = right_service()
    variant.inject(running.service)
    whole = variant.name.startswith(("as it is", "all"))
    gate = judge(running.place, form=variant.form, only=() if whole else CHECKS - SLOW)
    assert not [str(verdict) for verdict in gate.red]
    assert gate.claims == (CHECKS if whole else CHECKS - SLOW)


@pytest.mark.parametrize("seed", SEEDS)
def test_correct_variants_at_once(running: Running, seed: int) -> None:
    running.service = right_service()
    BENIGN[-1].inject(running.service)
    gate = judge(running.place, seed=seed)
    assert not [str(verdict) for verdict in gate.red]


def test_every_check_has_a_fault_and_every_fault_a_source() -> None:
    killed = Counter(fault.killer for fault in FAULTS)
    assert killed.keys() == CHECKS
    assert len(FAULTS) >= 25
    assert len({fault.name for fault in FAULTS + BENIGN}) == len(FAULTS + BENIGN)
    assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/issues/\d+", one.source) for one in FAULTS)


def test_the_document_lists_checks_and_faults() -> None:
    document = (ROOT / "docs/endpoints.md").read_text(encoding="utf-8")
    assert [check for check in CHECKS if f"\n| {check} | " not in document] == []
    assert [
        one.name for one in FAULTS if f"| {one.name} | " not in document or one.source not in document
    ] == []
