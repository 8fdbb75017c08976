"""Which addresses are taken. A server is asked where its name led first, and an answer has an end."""

import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.responses import Response

from embedding_gate.endpoint import client as clients
from embedding_gate.endpoint import open_client
from embedding_gate.endpoint.address import is_address
from embedding_gate.errors import EndpointError
from tests.support.fake_embedder import FakeEmbedder
from tests.support.server import Service, serve

FAKE = FakeEmbedder()
NAME = "judged.example"


@pytest.mark.parametrize(
    "spec",
    [
        "127.0.0.1:80/v1/embeddings",
        "ollama:",
        "ftp://127.0.0.1/embeddings",
        "http://127.0.0.1:99999/v1/embeddings",
        "http://[::/v1/embeddings",
    ],
)
def test_wrong_address(spec: str) -> None:
    with pytest.raises(EndpointError, match=r"write http://HOST:PORT/v1/embeddings"):
        open_client(spec, "model")


@pytest.mark.parametrize("path", ["", "/", "/v1", "/v1/", "/v1/embedding", "/v1/chat/completions"])
def test_a_path_that_takes_no_texts(path: str) -> None:
    """Such as the base address, which other programs are given."""
    with pytest.raises(EndpointError, match=r"did you mean http://127.0.0.1:8000/v1/embeddings, ollama:"):
        open_client(f"http://127.0.0.1:8000{path}", "model")


@pytest.mark.parametrize("spec", ["http://me:s3cret@h/v1/embeddings", "http://h/v1/embeddings?key=s3cret"])
def test_no_key_in_the_address(spec: str) -> None:
    with pytest.raises(EndpointError, match="environment") as caught:
        open_client(spec, "model")
    assert "s3cret" not in str(caught.value)


def test_what_is_an_address() -> None:
    assert all(map(is_address, ("http://h/v1/embeddings", "https://h", "ollama:h:1", "tei:h:1")))
    assert not any(map(is_address, ("python:a:b", "folder", "all-MiniLM-L6-v2")))


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, list[str]]]:
    """Serve under a name that leads here once, and elsewhere after that. Yield port and hosts asked."""
    hosts: list[str] = []
    service = Service(FAKE.encode, FAKE.tokenize)
    service.patch(check_key=lambda request: hosts.append(request.headers["host"]))
    real, looked_up = socket.getaddrinfo, []

    def lead(host: Any, port: Any, *more: Any, **options: Any) -> Any:
        if host in (NAME, NAME.encode()):
            looked_up.append(host)
            host = "127.0.0.1" if len(looked_up) == 1 else "127.0.0.9"
        return real(host, port, *more, **options)

    monkeypatch.setattr(socket, "getaddrinfo", lead)
    with serve(service) as running:
        yield running.place.partition(":")[2], hosts


def test_a_name_that_leads_elsewhere_later(named: tuple[str, list[str]]) -> None:
    """Where nobody listens in this test. New connections, too, go where the first one went."""
    port, hosts = named
    client = open_client(f"http://{NAME}:{port}/v1/embeddings", "model")
    try:
        for _ in range(3):
            assert client.encode(["a"]).shape == (1, FAKE.dimension)
            client.close()  # the next call opens a new connection
    finally:
        client.close()
    assert hosts == [f"{NAME}:{port}"] * 3


def test_a_name_that_leads_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    client = open_client(f"http://{NAME}:1/v1/embeddings", "model")
    with pytest.raises(EndpointError, match="gave nothing"):
        client.encode(["a"])


def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not read further than any right answer could go."""
    monkeypatch.setattr(clients, "_LARGEST", 1 << 20)

    async def found(*_: Any) -> Response:
        return Response(b" " * (2 << 20), media_type="application/json")

    with serve(Service(FAKE.encode, FAKE.tokenize).patch(found=found)) as running:
        client = open_client(f"http://{running.place}/v1/embeddings", "model")
        with pytest.raises(EndpointError, match="more than 1 MiB"):
            client.encode(["a"])
        client.close()
