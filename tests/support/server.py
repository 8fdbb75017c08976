"""A small embeddings server around any callable. It fulfils the contract in three forms of API.

Each step is its own method, so that a fault can replace one step (tests/faults/endpoints.py).
"""

import asyncio
import base64
import json
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import uvicorn
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from embedding_gate.endpoint.endpoint import TokenIds

__all__ = ["Refused", "Running", "Service", "serve"]

Vectors = NDArray[np.float32]
Texts = list[str] | list[list[int]]
FORMS = {"/v1/embeddings": "openai", "/api/embed": "ollama", "/embed": "tei"}  # path -> method of Service


class Refused(Exception):
    """An error: a request is not acceptable."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass
class Service:
    """The work of the server.

    encode: maps texts to vectors (N, D) of length 1.
    tokenize: the model's own tokenizer.
    encode_ids: maps token ids with special tokens to vectors (N, D). None if the model takes only texts.
    model: the name of the served model. key: the required API key, or "".
    """

    encode: Callable[[list[str]], Vectors]
    tokenize: Callable[[Sequence[str]], TokenIds]
    encode_ids: Callable[[list[list[int]]], Vectors] | None = None
    model: str = "model"
    key: str = ""
    most_texts: int = 2048

    def patch(self, **steps: Callable[..., Any]) -> "Service":
        """Replace steps by name, and return the service."""
        for name, step in steps.items():
            assert callable(getattr(self, name)), name
            setattr(self, name, step)
        return self

    async def answer(self, request: Request) -> Response:
        """Answer a request in any form of API."""
        try:
            self.check_key(request)
            body = self.read(await request.body())
            return await self.found(request, body)
        except Refused as error:
            return self.error(str(error), error.status)

    async def found(self, request: Request, body: dict[str, Any]) -> Response:
        """Answer a request that is a JSON object."""
        form = FORMS[request.url.path]
        if form != "tei":
            self.check_model(body.get("model"))
        given = body.get("inputs" if form == "tei" else "input")
        if form == "ollama" and not given:
            return JSONResponse({"model": body["model"], "embeddings": []})
        texts = self.texts(given, ids_allowed=form != "ollama")
        encoding = self.encoding(body.get("encoding_format"))
        vectors = await run_in_threadpool(self.vectors, texts)
        vectors = self.short(texts, vectors, self.dimensions(body, vectors.shape[1], unset=form == "ollama"))
        return self.whole(getattr(self, form)(vectors, encoding, texts, body))

    def check_key(self, request: Request) -> None:
        """Refuse a request without the right key."""
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            raise Refused("wrong key", 401)

    def read(self, content: bytes) -> dict[str, Any]:
        """Read the request body."""
        try:
            body = json.loads(content)
        except ValueError as error:
            raise Refused("not JSON") from error
        if not isinstance(body, dict):
            raise Refused("not an object")
        return body

    def check_model(self, model: Any) -> None:
        """Refuse a request for another model."""
        if model != self.model:
            raise Refused(f"no model {model!r}", 404)

    def texts(self, given: Any, *, ids_allowed: bool) -> Texts:
        """Return the texts, or arrays of token ids, of a request."""
        if isinstance(given, str) or (isinstance(given, list) and given and type(given[0]) is int):
            given = [given]
        if not isinstance(given, list) or not given:
            raise Refused("input must be a text, or a list of texts")
        if len(given) > self.most_texts:
            raise Refused(f"at most {self.most_texts} texts", 413)
        if all(isinstance(one, str) for one in given):
            return [self.text(one) for one in given]
        if ids_allowed and all(isinstance(one, list) for one in given):
            return [self.ids(one) for one in given]
        raise Refused("input must be a text, or a list of texts")

    def text(self, text: str) -> str:
        """Check one text."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise Refused("a lone surrogate") from error
        if not text:
            raise Refused("input cannot be an empty string")
        return text

    def ids(self, ids: list[Any]) -> list[int]:
        """Check one array of token ids."""
        if self.encode_ids is None:
            raise Refused("takes no token arrays")
        if not ids or not all(type(one) is int and 0 <= one < 2**31 - 1 for one in ids):
            raise Refused("wrong token ids", 422)
        return ids

    def encoding(self, asked: Any) -> str:
        """Return the encoding of the vectors: float or base64."""
        if asked not in (None, "float", "base64"):
            raise Refused("encoding_format must be float or base64")
        return asked or "float"

    def vectors(self, texts: Texts) -> Vectors:
        """Compute vectors (N, D)."""
        if isinstance(texts[0], str):
            return self.encode([text for text in texts if isinstance(text, str)])
        assert self.encode_ids is not None
        return self.encode_ids([ids for ids in texts if isinstance(ids, list)])

    def dimensions(self, body: dict[str, Any], width: int, *, unset: bool) -> int:
        """Return the requested number of components."""
        asked = body.get("dimensions", width)
        if unset and type(asked) is int and (asked == 0 or asked > width):
            return width
        if type(asked) is not int or not 1 <= asked <= width:
            raise Refused(f"dimensions must be from 1 to {width}")
        return asked

    def short(self, texts: Texts, vectors: Vectors, width: int) -> Vectors:  # noqa: ARG002
        """Return vectors (N, width) of texts, whose whole vectors are known."""
        return self.cut(vectors, width)

    def cut(self, vectors: Vectors, width: int) -> Vectors:
        """Shorten vectors, and scale them to length 1 again."""
        if width == vectors.shape[1]:
            return vectors
        short = vectors[:, :width]
        return np.asarray(short / np.linalg.norm(short, axis=1, keepdims=True), dtype=np.float32)

    def pack(self, vector: Vectors) -> str:
        """Return a vector in base64."""
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()

    def numbers(self, vector: Vectors) -> Any:
        """Return a vector as JSON numbers."""
        return [float(value) for value in vector]

    def count(self, texts: Texts) -> int:
        """Count the tokens that the model reads from the texts."""
        if isinstance(texts[0], str):
            return sum(len(ids) for ids in self.tokenize([str(text) for text in texts]).ids)
        return sum(len(ids) for ids in texts)

    def openai(self, vectors: Vectors, encoding: str, texts: Texts, body: dict[str, Any]) -> Any:
        """Return an answer of the OpenAI form."""
        make = self.pack if encoding == "base64" else self.numbers
        data = [
            {"object": "embedding", "index": row, "embedding": make(vector)}
            for row, vector in enumerate(vectors)
        ]
        tokens = self.count(texts)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": body["model"], "usage": usage}

    def ollama(self, vectors: Vectors, encoding: str, texts: Texts, body: dict[str, Any]) -> Any:
        """Return an answer of the Ollama form."""
        assert encoding == "float"
        rows = [self.numbers(vector) for vector in vectors]
        return {"model": body["model"], "embeddings": rows, "prompt_eval_count": self.count(texts)}

    def tei(self, vectors: Vectors, encoding: str, texts: Texts, body: dict[str, Any]) -> Any:  # noqa: ARG002
        """Return an answer of the TEI form."""
        return [self.numbers(vector) for vector in vectors]

    def whole(self, content: Any) -> Response:
        """Return an answer in the form in which it is sent."""
        return Response(json.dumps(content), media_type="application/json")

    def error(self, message: str, status: int) -> Response:
        """Return a refusal in the form in which it is sent."""
        return JSONResponse({"error": {"message": message, "type": "invalid_request_error"}}, status)


@dataclass
class Running:
    """A running server: its address, and the service that it uses from now on."""

    place: str
    service: Service

    async def answer(self, request: Request) -> Response:
        """Let the service answer."""
        return await self.service.answer(request)


@contextmanager
def serve(service: Service, **options: Any) -> Iterator[Running]:
    """Serve on a free port of the loopback interface, in a thread."""
    # asyncio recognises a TCP socket by its protocol. It then switches off the delay of small packets.
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(128)
        running = Running(f"127.0.0.1:{listening.getsockname()[1]}", service)
        app = Starlette(routes=[Route(path, running.answer, methods=["POST"]) for path in FORMS])
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", **options)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listening])), daemon=True)
        thread.start()  # connections wait in the socket until the thread answers
        try:
            yield running
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=10)
