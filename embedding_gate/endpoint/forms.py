"""The forms of API that servers of embeddings have: how each asks, and where its answer holds the vectors.

OpenAI   https://platform.openai.com/docs/api-reference/embeddings (POST /v1/embeddings)
Ollama   https://github.com/ollama/ollama/blob/main/docs/api.md#generate-embeddings (POST /api/embed)
TEI      https://huggingface.github.io/text-embeddings-inference (POST /embed of text-embeddings-inference)
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["OLLAMA", "OPENAI", "TEI", "Form", "read_vector"]

Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Form:
    """A form of API.

    path: of the address that takes texts.
    field: of the request that holds the texts.
    fixed: fields of each request.
    offers: what the form has, as names that a check can ask for.
    usage: the way to the number of tokens in an answer.
    documented_empty: whether the form documents an answer without vectors where it gets no text.
    documented_unset: whether ``dimensions`` 0, or more than there are, is documented as the whole vector.
    """

    name: str
    path: str
    field: str
    fixed: Mapping[str, Any]
    offers: frozenset[str]
    usage: tuple[str, ...] = ()
    documented_empty: bool = False
    documented_unset: bool = False

    def body(self, inputs: Any, model: str, /, **more: Any) -> dict[str, Any]:
        """Return a request. more: further fields, which go before the form's own."""
        named = {"model": model} if "model" in self.offers else {}
        return {**named, self.field: inputs, **self.fixed, **more}

    def rows(self, content: Any) -> list[Any]:
        """Return the raw vectors of an answer, in the order of the texts.

        Raises:
            ValueError: the answer does not have the form; says what is wrong.

        """
        raise NotImplementedError

    def tokens(self, content: Any) -> Any:
        """Return the number of tokens that an answer says it read, or None."""
        for name in self.usage:
            content = content.get(name) if isinstance(content, dict) else None
        return content if self.usage else None


class _OpenAI(Form):
    def rows(self, content: Any) -> list[Any]:
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise ValueError("has no list 'data' of objects")
        indexes = [item.get("index") for item in data]
        if any(type(index) is not int for index in indexes) or sorted(indexes) != list(range(len(data))):
            raise ValueError(f"'index' is not 0 to {len(data) - 1}, once each: {str(indexes)[:40]}")
        return [item.get("embedding") for item in sorted(data, key=lambda item: item["index"])]


class _Ollama(Form):
    def rows(self, content: Any) -> list[Any]:
        found = content.get("embeddings") if isinstance(content, dict) else None
        if not isinstance(found, list):
            raise ValueError("has no list 'embeddings'")
        return found


class _Tei(Form):
    def rows(self, content: Any) -> list[Any]:
        if not isinstance(content, list):
            raise ValueError("is no list of vectors")
        return content


_COMMON = frozenset({"encode", "endpoint", "truncate_dim"})
OPENAI = _OpenAI(
    "OpenAI",
    "/v1/embeddings",
    "input",
    {"encoding_format": "float"},
    _COMMON | {"base64", "index", "model", "token arrays", "usage"},
    usage=("usage", "prompt_tokens"),
)
OLLAMA = _Ollama(
    "Ollama",
    "/api/embed",
    "input",
    {},
    _COMMON | {"model", "usage"},
    usage=("prompt_eval_count",),
    documented_empty=True,
    documented_unset=True,
)
TEI = _Tei("TEI", "/embed", "inputs", {"truncate": True}, _COMMON | {"token arrays"})


def read_vector(raw: Any) -> Vector:
    """Return a vector (D,) from a JSON list of numbers, or from base64 of little-endian float32.

    Raises:
        ValueError: it is neither, is empty, or holds null, NaN or infinity.

    """
    if isinstance(raw, str):
        try:
            found = np.frombuffer(base64.b64decode(raw, validate=True), dtype="<f4").astype(np.float32)
        except (binascii.Error, ValueError) as error:
            raise ValueError(f"is no base64 of float32 ({error})") from error
    elif not isinstance(raw, list):
        raise ValueError(f"is {'null' if raw is None else 'a ' + type(raw).__name__}, not a list of numbers")
    else:
        if wrong := [value for value in raw if type(value) not in (int, float)]:
            kind = "null" if wrong[0] is None else f"a {type(wrong[0]).__name__}"
            raise ValueError(f"holds {kind} among its numbers")
        try:
            found = np.array(raw, dtype=np.float64).astype(np.float32)
        except OverflowError as error:
            raise ValueError("holds a number that no float can hold") from error
    if not found.size:
        raise ValueError("is empty")
    if not np.isfinite(found).all():
        raise ValueError("holds NaN or infinity")
    return found
