"""Encodes texts in a worker process: ``workers.Worker`` runs ``python -m embedding_gate.encode_worker``."""

import importlib
import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import embeddings
from embedding_gate.serving import pack, serve


def injected(variant: tuple[str, str, int] | None) -> AbstractContextManager[object]:
    """Change the library as in the parent process: call ``injected`` of a module with a name and a seed."""
    return importlib.import_module(variant[0]).injected(*variant[1:]) if variant else nullcontext()


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Encode the texts of a request with its model, recipe, token limit, precision and device."""
    embeddings.use_device(asked["device"])
    with injected(asked["variant"]):
        model = embeddings.load(
            asked["model"],
            recipe=asked["recipe"],
            max_tokens=asked["max_tokens"],
            precision=asked["precision"],
        )
        vectors = model.encode(asked["texts"])
    return pack(vectors)


def start() -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Return the function that answers requests."""
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    return answer


if __name__ == "__main__":
    serve(start)
