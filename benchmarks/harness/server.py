"""What is measured of a server alone: many clients at once, and what HTTP and JSON take."""

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
    """Time rounds in which so many clients send requests of one new text, each one after the other.

    A client sends the next request when it has the answer to the last one: a closed loop. Its vectors are
    compared with those of calls by one client, off the clock.

    shape: texts of all clients in a round, and tokens of each.
    """
    asked = _Clients(meter.engine, count, meter.clock)
    with asked.threads:
        record = meter.encoding(timed, f"{count} clients", *shape, rounds, encode=asked)
    record.requests = asked.seconds[-rounds * shape[0] :]
    return record


class _Clients:
    """Encodes by so many clients. seconds: of each request."""

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
    """Time requests without a text, which the server answers or refuses: the model has no part in it.

    Raises:
        EndpointError: the server fails at it.

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
    """Time what this side does with JSON: write a request of new texts, and read its answer's vectors."""
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
    assert isinstance(engine, OutsideEngine)  # only what is an endpoint is asked for this
    assert isinstance(engine.client, Server)
    client: Client = engine.client.client
    return client


def _nothing() -> None:
    pass
