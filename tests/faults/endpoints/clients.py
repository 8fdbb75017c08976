"""Faults between requests: state, cancelled requests, slow readers, many clients, new connections."""

import asyncio
import threading
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tests.faults.endpoints.registry import OLLAMA, TEI, edits, fault
from tests.support.server import Service, Texts, Vectors

NOTICE = 0.05  # seconds until a server notices that a client has gone
CHUNK = 65536  # bytes that are written at once


def spoils(service: Service, by: float) -> None:
    """Let a long text change all vectors that come after it."""
    compute, spoilt = service.vectors, [1.0]

    def vectors(texts: Texts) -> Vectors:
        found = compute(texts) * spoilt[0]
        if any(len(text) > 60 for text in texts):
            spoilt[0] = by
        return found.astype("float32")

    service.patch(vectors=vectors)
    service.patch(text=lambda text: text if len(text.split()) < 60 else "long " * 60)


@fault("a long text changes all that come after it", "after odd texts", "ROCm/FastFlowLM#647")
def _(service: Service) -> None:
    spoils(service, by=-1)


@fault("after a long text all vectors are zero", "after odd texts", "ollama/ollama#17878", OLLAMA)
def _(service: Service) -> None:
    spoils(service, by=0)


def stops_after(service: Service, status: int) -> None:
    """Let all requests fail once one was refused with that status or above."""
    stopped: list[int] = []
    right = service.answer

    async def answer(request: Request) -> Response:
        if stopped:
            raise RuntimeError("the only slot is taken")
        found = await right(request)
        if found.status_code >= status:
            stopped.append(found.status_code)
        return found

    service.patch(answer=answer)


@fault("a request without input blocks the next ones", "after odd texts", "ggml-org/llama.cpp#5724")
def _(service: Service) -> None:
    stops_after(service, 400)


@fault("nothing is taken after an error in a batch", "after odd texts", "michaelfeil/infinity#242", TEI)
def _(service: Service) -> None:
    stops_after(service, 400)


async def left(request: Request) -> bool:
    """Tell whether the client has gone."""
    await asyncio.sleep(NOTICE)
    return await request.is_disconnected()


@fault("a cancelled request keeps its place", "cancelled request", "xDarkicex/openclaw-memory-libravdb#389")
def _(service: Service) -> None:
    gone: list[bool] = []
    right = service.answer

    async def answer(request: Request) -> Response:
        if gone:
            raise RuntimeError("the only slot is taken")
        found = await right(request)
        if await left(request):
            gone.append(True)
        return found

    service.patch(answer=answer)


@fault("a client that leaves ends another's request", "cancelled request", "ikawrakow/ik_llama.cpp#1929")
def _(service: Service) -> None:
    ended = [0]
    right = service.answer

    async def answer(request: Request) -> Response:
        before = ended[0]
        found = await right(request)
        if await left(request):
            ended[0] += 1
            return found
        await asyncio.sleep(4 * NOTICE)
        if ended[0] != before:
            raise RuntimeError("decoding was cancelled by the user")
        return found

    service.patch(answer=answer)


class Locked(Response):
    """An answer that keeps a lock until its client has read it."""

    def __init__(self, answer: Response, lock: asyncio.Lock) -> None:
        super().__init__(answer.body, answer.status_code, dict(answer.headers))
        self._lock = lock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Send the answer in pieces."""
        body = bytes(self.body)
        async with self._lock:
            await send(
                {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
            )
            for start in range(0, len(body), CHUNK):
                piece = body[start : start + CHUNK]
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


@fault("a slow reader blocks the others", "slow reader", "samply/blaze#4140")
def _(service: Service) -> None:
    lock, right = asyncio.Lock(), service.answer

    async def answer(request: Request) -> Response:
        return Locked(await right(request), lock)

    service.patch(answer=answer)


@fault("a request waits until the one before was read", "slow reader", "ggml-org/llama.cpp#6722", TEI)
def _(service: Service) -> None:
    lock, right = asyncio.Lock(), service.answer

    async def answer(request: Request) -> Response:
        return Locked(await right(request), lock)

    service.patch(answer=answer)


def shares(service: Service) -> None:
    """Let concurrent requests use one buffer for their texts."""
    buffer: list[Texts] = [[]]
    compute = service.vectors

    def vectors(texts: Texts) -> Vectors:
        buffer[0] = texts
        time.sleep(NOTICE)  # as long as a batch takes
        return compute(buffer[0])

    service.patch(vectors=vectors)


@fault("concurrent requests share a result", "many clients", "ggml-org/llama.cpp#5655")
def _(service: Service) -> None:
    shares(service)


@fault("parallel requests are mixed up", "many clients", "ollama/ollama#6262", OLLAMA)
def _(service: Service) -> None:
    shares(service)


@fault("parallel requests fail", "many clients", "ollama/ollama#13170", OLLAMA)
def _(service: Service) -> None:
    slots, compute = threading.Semaphore(8), service.vectors

    def vectors(texts: Texts) -> Vectors:
        if not slots.acquire(blocking=False):
            raise RuntimeError("EOF")
        time.sleep(NOTICE)
        slots.release()
        return compute(texts)

    service.patch(vectors=vectors)


@fault("index counts the texts of other clients too", "many clients", "xorbitsai/inference#5240")
def _(service: Service) -> None:
    waiting, compute = [0], service.vectors

    def vectors(texts: Texts) -> Vectors:
        waiting[0] += 1
        time.sleep(NOTICE)
        return compute(texts)

    def change(content: Any, _: Request) -> Any:
        waiting[0] -= 1
        for item in content["data"]:
            item["index"] += waiting[0]
        return content

    service.patch(vectors=vectors)
    edits(service, change)


@fault("vectors differ from connection to connection", "reconnected", "michaelfeil/infinity#163")
def _(service: Service) -> None:
    known: list[int] = []

    def change(content: Any, request: Request) -> Any:
        assert request.client is not None
        known.append(request.client.port)
        for item in content["data"]:
            item["embedding"] = [
                value * (1 + (request.client.port != known[0])) for value in item["embedding"]
            ]
        return content

    edits(service, change)


@fault("a second connection is refused", "reconnected", "lmstudio-ai/lmstudio-bug-tracker#7", TEI)
def _(service: Service) -> None:
    known: list[int] = []

    def change(content: Any, request: Request) -> Any:
        assert request.client is not None
        known.append(request.client.port)
        if request.client.port != known[0]:
            raise RuntimeError("busy")
        return content

    edits(service, change)
