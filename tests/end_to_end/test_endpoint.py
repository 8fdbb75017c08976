"""The library behind a server, judged over HTTP: all of the contract, in each form of API."""

import pytest

import embeddings
from embedding_gate.register import endpoint_tests
from embedding_gate.verdicts.gate import check_name
from tests.support.endpoints import FORMS, judge
from tests.support.server import Service, serve

TIMEOUT = 60


@pytest.mark.parametrize("form", FORMS)
def test_the_library_behind_a_server_keeps_the_contract(form: str) -> None:
    embedder = embeddings.load()
    service = Service(embedder.encode, embedder.tokenize)
    with serve(service) as running:
        gate = judge(running.place, form=form, timeout=TIMEOUT, model=embedder, limit=embedder.max_tokens)
    assert not [str(verdict) for verdict in gate.red]
    assert gate.claims == {check_name(name) for name in endpoint_tests()}


def test_a_fault_of_the_library_is_seen_over_http() -> None:
    """Texts that are not put back in their places."""
    embedder = embeddings.load()
    service = Service(lambda texts: embedder.encode(texts)[::-1], embedder.tokenize)
    with serve(service) as running:
        gate = judge(running.place, timeout=TIMEOUT, model=embedder, limit=256, only=["answer order"])
    assert [verdict.check for verdict in gate.red] == ["answer order"]
