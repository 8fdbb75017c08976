"""Correct variants of servers. No check may be red on any of them."""

import json
from typing import Any

import numpy as np
from starlette.responses import JSONResponse, Response

from tests.faults.endpoints.registry import OLLAMA, TEI, answers, benign
from tests.support.server import Refused, Service, Texts, Vectors


@benign("as it is")
def _(service: Service) -> None:
    service.patch()


@benign("as it is, the Ollama form", OLLAMA)
def _(service: Service) -> None:
    service.patch()


@benign("as it is, the TEI form", TEI)
def _(service: Service) -> None:
    service.patch()


@benign("another order, with the right index")
def shuffled(service: Service) -> None:
    """Answer in another order."""

    def change(content: Any, _: Texts) -> Any:
        content["data"] = content["data"][1::2] + content["data"][::2]
        return content

    answers(service, change)


@benign("batches are split")
def split(service: Service) -> None:
    """Compute three texts at a time."""
    compute = service.vectors

    def vectors(texts: Texts) -> Vectors:
        return np.concatenate([compute(texts[start : start + 3]) for start in range(0, len(texts), 3)])

    service.patch(vectors=vectors)


@benign("connections are not kept")
def closing(service: Service) -> None:
    """Close each connection after its answer."""

    def whole(content: Any) -> Response:
        return Response(json.dumps(content), media_type="text/plain", headers={"connection": "close"})

    service.patch(whole=whole)


@benign("more fields in the answer")
def more_fields(service: Service) -> None:
    """Send fields that no specification has."""

    def change(content: Any, _: Texts) -> Any:
        content["id"], content["created"] = "embd-1", 1
        content["data"] = [{**item, "text_index": 0} for item in content["data"]]
        return content

    answers(service, change)


@benign("usage without a total")
def no_total(service: Service) -> None:
    """Send prompt_tokens alone."""

    def change(content: Any, _: Texts) -> Any:
        content["usage"] = {"prompt_tokens": content["usage"]["prompt_tokens"]}
        return content

    answers(service, change)


@benign("errors of another shape")
def other_errors(service: Service) -> None:
    """Send errors as FastAPI does."""

    def error(message: str, _: int) -> Response:
        return JSONResponse({"detail": [{"msg": message, "loc": ["body"]}]}, 422)

    service.patch(error=error)


@benign("base64 unless floats are asked")
def base64_default(service: Service) -> None:
    """Take base64 for the default."""
    right = service.encoding
    service.patch(encoding=lambda asked: right(asked or "base64"))


@benign("an empty text has a vector")
def empty_text(service: Service) -> None:
    """Read an empty text as the model does."""
    right = service.text
    service.patch(text=lambda text: right(text) if text else text)


@benign("a lone surrogate is the replacement character")
def replaced(service: Service) -> None:
    """Read half an emoji as Go's JSON does."""
    right = service.text

    def text(given: str) -> str:
        return right("".join("\ufffd" if "\ud800" <= one <= "\udfff" else one for one in given))

    service.patch(text=text)


@benign("over-long texts are refused")
def strict(service: Service) -> None:
    """Refuse in place of cutting."""
    right = service.text

    def text(given: str) -> str:
        if len(given.split()) > 46:
            raise Refused("too long", 413)
        return right(given)

    service.patch(text=text)


@benign("another width is refused")
def one_width(service: Service) -> None:
    """Serve a model without shorter vectors."""

    def dimensions(body: dict[str, Any], width: int, *, unset: bool) -> int:  # noqa: ARG001
        if "dimensions" in body:
            raise Refused("the model has one width")
        return width

    service.patch(dimensions=dimensions)


@benign("token arrays are refused")
def texts_alone(service: Service) -> None:
    """Serve a model that takes texts alone."""
    service.encode_ids = None


@benign("token arrays get their special tokens here")
def bare_ids(service: Service) -> None:
    """Take token ids as tiktoken gives them."""
    encode_ids = service.encode_ids
    assert encode_ids is not None
    service.encode_ids = lambda ids: encode_ids([[1, *row, 2] for row in ids])


@benign("float16")
def half(service: Service) -> None:
    """Compute in float16."""
    compute = service.vectors
    service.patch(vectors=lambda texts: compute(texts).astype(np.float16).astype(np.float32))


@benign("at most 32 texts")
def small_batches(service: Service) -> None:
    """Refuse larger batches, as text-embeddings-inference does by default."""
    service.most_texts = 32


@benign("arithmetic that is not repeated exactly")
def inexact(service: Service) -> None:
    """Move each vector a little, as a GPU does that adds in another order."""
    compute, random = service.vectors, np.random.default_rng(0)

    def vectors(texts: Texts) -> Vectors:
        found = compute(texts)
        return (found + random.normal(scale=1e-5, size=found.shape)).astype(np.float32)

    service.patch(vectors=vectors)


@benign("all at once")
def _(service: Service) -> None:
    for inject in (shuffled, split, closing, more_fields, no_total, other_errors, base64_default, empty_text):
        inject(service)
    for inject in (replaced, one_width, texts_alone, half):
        inject(service)
