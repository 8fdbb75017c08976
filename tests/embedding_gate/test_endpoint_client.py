"""The client of a server of embeddings: three forms, one host, one line for each mistake."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from starlette.responses import RedirectResponse, Response

from embedding_gate.endpoint import Client, distinct_texts, open_client
from embedding_gate.errors import EndpointError
from tests.support.fake_embedder import FakeEmbedder
from tests.support.server import Running, Service, serve

FAKE = FakeEmbedder()
TEXTS = [f"{word} number {number}" for number, word in enumerate("one two three four five six".split() * 8)]
FORMS = ("http://{}/v1/embeddings", "ollama:{}", "tei:{}")


def service() -> Service:
    return Service(FAKE.encode, FAKE.tokenize, FAKE.encode_ids)


Opener = Callable[..., Client]


@pytest.fixture
def opened() -> Iterator[Opener]:
    """Open clients, and close them at the end."""
    with ExitStack() as stack:

        def open_one(spec: str, model: str = "model", **options: Any) -> Client:
            return stack.enter_context(closing(open_client(spec, model, **options)))

        yield open_one


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with serve(service()) as found:
        yield found


@pytest.fixture
def place(running: Running) -> str:
    """Where the right server is."""
    running.service = service()
    return running.place


@pytest.fixture(params=FORMS)
def spec(request: pytest.FixtureRequest, place: str) -> str:
    return str(request.param).format(place)


def test_vectors_come_in_the_order_of_the_texts(opened: Opener, spec: str) -> None:
    client = opened(spec)
    found = client.encode(TEXTS)
    assert found.dtype == np.float32
    assert np.abs(found - FAKE.encode(TEXTS)).max() < 1e-7
    assert client.encode([]).shape == (0, 0)
    assert client.encode(TEXTS[:2], truncate_dim=5).shape == (2, 5)
    client.close()
    assert client.encode(TEXTS[:1]).shape == (1, FAKE.dimension)


def test_many_short_texts_are_one_request_until_the_server_refuses(
    opened: Opener, spec: str, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, sent = opened(spec), list[int]()

    def post(body: Any, right: Any = client.post) -> Any:
        sent.append(len(body["inputs" if "inputs" in body else "input"]))
        return right(body)

    monkeypatch.setattr(client, "post", post)
    client.encode(TEXTS)
    client.encode([text * 9 for text in TEXTS])  # they are not short
    assert sent == [48, 32, 16]
    running.service.most_texts = 32
    for _ in range(2):
        assert np.abs(client.encode(TEXTS) - FAKE.encode(TEXTS)).max() < 1e-7
    assert sent[3:] == [48, 32, 16, 32, 16]


def test_offers(opened: Opener, spec: str) -> None:
    offers = opened(spec).offers
    assert {"encode", "endpoint", "truncate_dim"} <= offers
    assert ("base64" in offers) == spec.startswith("http")


def test_server_not_up(opened: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(EndpointError, match=r"gave nothing .*; start the server"):
        opened(f"tei:127.0.0.1:{port}").encode(["a"])


def test_https_of_a_server_without_tls(opened: Opener) -> None:
    with (
        serve(service()) as running,
        pytest.raises(EndpointError, match="write http:// if the server has no"),
    ):
        opened(f"https://{running.place}/v1/embeddings").encode(["a"])


def answering(status: int, content: str) -> Service:
    async def found(*_: Any) -> Response:
        return Response(content, status)

    return service().patch(found=found)


@pytest.mark.parametrize(
    ("status", "content", "told"),
    [
        (401, '{"error": "no"}', r"gave 401 .*; set EMBEDDING_GATE_API_KEY"),
        (
            404,
            "Not\n\x1b[31mFound",
            r"gave 404 Not \[31mFound; check the path, most .*; if .* pass --served-as=NAME",
        ),
        (500, "x" * 9999, r"gave 500 x{80}; read"),
        (200, "<html>", "not JSON: 200 <html>"),
        (200, '{"data": [{"index": 0, "embedding": [NaN, 1]}]}', "not JSON"),
        (200, '{"data": [{"index": 0, "embedding": [null, 1]}]}', "vector 0 holds null"),
        (200, '{"data": [{"index": 0, "embedding": [1e999, 1]}]}', "vector 0 holds NaN or infinity"),
        (200, '{"data": [{"index": 0, "embedding": null}]}', "vector 0 is null"),
        (200, '{"data": [{"index": 0, "embedding": "???"}]}', "no base64"),
        (200, '{"data": [{"index": 0, "embedding": []}]}', "vector 0 is empty"),
        (200, '{"data": [{"index": 1, "embedding": [1]}]}', "'index' is not 0 to 0, once each"),
        (200, '{"data": []}', "holds 0 vectors for 1 texts"),
        (200, "[" * 100_000, "not JSON"),
        (200, "[]", "no list 'data'"),
    ],
)
def test_each_mistake_is_one_line(
    opened: Opener, running: Running, status: int, content: str, told: str
) -> None:
    running.service = answering(status, content)
    with pytest.raises(EndpointError, match=told) as caught:
        opened(FORMS[0].format(running.place)).encode(["a"])
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def test_ragged(opened: Opener, running: Running) -> None:
    content = '{"data": [{"index": 0, "embedding": [1, 0]}, {"index": 1, "embedding": [1]}]}'
    running.service = answering(200, content)
    with pytest.raises(EndpointError, match="vectors of 1, 2 comp"):
        opened(FORMS[0].format(running.place)).encode(["a", "b"])


def test_no_redirection(opened: Opener) -> None:
    asked: list[str] = []
    other = service().patch(check_key=lambda request: asked.append(request.url.path))
    with serve(other) as there:

        async def found(*_: Any) -> Response:
            return RedirectResponse(f"http://{there.place}/v1/embeddings", 307)

        with (
            serve(service().patch(found=found)) as here,
            pytest.raises(EndpointError, match=r"a redirection to 127.0.0.1"),
        ):
            opened(FORMS[0].format(here.place)).encode(["a"])
    assert not asked


def test_a_short_key_spoils_no_answer(opened: Opener, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMBEDDING_GATE_API_KEY", "e")
    assert opened(FORMS[0].format(place)).encode(["a"]).shape == (1, FAKE.dimension)


def test_no_proxy(opened: Opener, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert opened(FORMS[0].format(place)).encode(["a"]).shape == (1, FAKE.dimension)


def test_time_limit(opened: Opener) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        client = opened(f"tei:127.0.0.1:{silent.getsockname()[1]}", timeout=0.05)
        with pytest.raises(EndpointError, match=r"no whole answer in 0\.05 s"):
            client.encode(["a"])


def test_time_limit_holds_for_an_answer_in_drops(opened: Opener) -> None:
    def drop(listening: socket.socket, done: threading.Event) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while not done.wait(0.01):
                try:
                    connection.sendall(b" ")
                except OSError:
                    return

    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drop, args=(listening, done), daemon=True)
        thread.start()
        client = opened(f"tei:127.0.0.1:{listening.getsockname()[1]}", timeout=0.3)
        with pytest.raises(EndpointError, match=r"no whole answer in 0\.3 s"):
            client.encode(["a"])
        done.set()
        thread.join()


def test_a_server_that_dies_in_the_middle(opened: Opener) -> None:
    def die(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(100)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=die, args=(listening,), daemon=True)
        thread.start()
        client = opened(f"tei:127.0.0.1:{listening.getsockname()[1]}", timeout=5)
        with pytest.raises(EndpointError, match="gave no whole answer"):
            client.encode(["a"])
        thread.join()


def test_the_key_is_sent_and_shown_nowhere(
    opened: Opener, running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = "s3cret-of-the-server"
    monkeypatch.setenv("MINE", key)
    running.service = replace(service(), key=key)
    spec = FORMS[0].format(running.place)
    client = opened(spec, key_variable="MINE")
    assert client.encode(["a"]).shape == (1, FAKE.dimension)
    with pytest.raises(EndpointError, match="401"):
        opened(spec, key_variable="NOT_SET").encode(["a"])
    running.service = answering(400, f'{{"error": "wrong key {key}"}}')
    with pytest.raises(EndpointError) as caught:
        client.encode(["a"])
    shown = f"{caught.value} {client!r} {vars(client)} {client.post({})}"
    assert "[key]" in str(caught.value)
    assert key not in shown
    monkeypatch.setenv("MINE", "a\nb")
    with pytest.raises(EndpointError, match="MINE: holds characters"):
        opened("tei:h:1", key_variable="MINE")


def test_texts_that_a_tokenizer_does_not_tell_apart() -> None:
    many = [f"word {number}" for number in range(99)]
    assert distinct_texts(["a  b", "a b", "c", "a b "], FAKE.tokenize) == ["a  b", "c"]
    assert distinct_texts(many, FAKE.tokenize) == many[:48]
