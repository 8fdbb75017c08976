"""Measurements for servers only: many clients at once, and the time of HTTP and JSON."""

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.clock import Timed
from benchmarks.harness.meter import Engine, Meter
from benchmarks.harness.outside import OutsideEngine
from benchmarks.harness.records import Record
from embedding_gate.endpoint import Client, Reply
from embedding_gate.errors import EndpointError
from embedding_gate.subjects.server import Server

__all__ = ["HTTP", "JSON", "clients_at_once", "json_alone", "request_of_no_text"]

HTTP, JSON = "HTTP: no text", "JSON"  # kinds of records


def clients_at_once(meter: Meter, timed: Timed, count: int, shape: tuple[int, int], rounds: int) -> Record:
    """Time rounds in which ``count`` clients send requests at the same time, each with one new text.

    A client sends the next request when it has the answer to the last one: a closed loop. The vectors are
    compared with the vectors of calls by one client. This comparison is not timed.

    shape: the number of texts of all clients in a round, and the tokens of each text.
    """
    asked = _Clients(meter.engine, count, meter.clock)
    with asked.threads:
        record = meter.encoding(timed, f"{count} clients", *shape, rounds, encode=asked)
    record.requests = asked.seconds[-rounds * shape[0] :]
    return record


class _Clients:
    """Encodes texts with ``count`` clients at once. seconds: the seconds of each request."""

    def __init__(self, engine: Engine, count: int, clock: Callable[[], float]) -> None:
        self._engine, self._count, self._clock = engine, count, clock
        self.threads, self.seconds = ThreadPoolExecutor(count), list[float]()

    def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Return vectors (N, D)."""
        shares = [texts[number :: self._count] for number in range(self._count)]
        found: list[Any] = [None] * len(texts)
        for number, vectors in enumerate(self.threads.map(self._one_by_one, shares)):
            found[number :: self._count] = vectors
        return np.stack(found)

    def _one_by_one(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        found = []
        for text in texts:
            start = self._clock()
            found.append(self._engine.encode([text])[0])
            self.seconds.append(self._clock() - start)
        return found


def request_of_no_text(engine: Engine, timed: Timed, rounds: int) -> Record:
    """Time requests without a text. The server answers or refuses them without running the model.

    Raises:
        EndpointError: the server fails on such a request.

    """
    client, record = _client(engine), Record(HTTP, 0, 0)
    body = client.form.body([], client.model)

    def work() -> None:
        if (reply := client.post(body)).status >= 500:
            hint = "leave out this measurement: -k 'not no_text'"
            raise EndpointError(f"POST {client.url} of no text", f"gave {reply.short}", hint=hint)

    work()
    record.seconds = timed(_nothing, work, _nothing, rounds)
    return record


def json_alone(meter: Meter, timed: Timed, batch: int, length: int, rounds: int) -> Record:
    """Time the JSON work of the client: write a request of new texts, and read the vectors of the answer."""
    client, record = _client(meter.engine), Record(JSON, batch, length)
    texts, answer = list[str](), ""

    def prepare() -> None:
        nonlocal texts, answer
        texts = meter.texts(batch, length)
        meter.seen.claim(texts)
        reply = client.post(client.form.body(texts, client.model))
        client.vectors(reply, batch)
        answer = reply.text

    def work() -> None:
        json.dumps(client.form.body(texts, client.model), allow_nan=False).encode("ascii")
        client.vectors(Reply(200, json.loads(answer), answer), batch)

    record.seconds = timed(prepare, work, _nothing, rounds)
    return record


def _client(engine: Engine) -> Client:
    assert isinstance(engine, OutsideEngine)  # only endpoints run these measurements
    assert isinstance(engine.client, Server)
    client: Client = engine.client.client
    return client


def _nothing() -> None:
    pass
