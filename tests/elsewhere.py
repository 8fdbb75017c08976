"""A new process that encodes: ``python -m tests.elsewhere``, JSON in, .npy out."""

import importlib
import io
import json
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext

import numpy as np

import embeddings


def injected(variant: tuple[str, int] | None) -> AbstractContextManager[object]:
    """Inject a fault, of that name and seed; the gate itself needs none, and does not import them."""
    return importlib.import_module("tests.faults.catalogue").injected(*variant) if variant else nullcontext()


def main() -> None:
    """Encode the texts that stdin names, by the model, recipe, limit and device that it names."""
    asked = json.load(sys.stdin)
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    embeddings.use_device(asked["device"])
    with injected(asked["variant"]):
        model = embeddings.load(
            asked["model"],
            recipe=asked["recipe"],
            max_tokens=asked["max_tokens"],
            precision=asked["precision"],
        )
        vectors = model.encode(asked["texts"])
    whole = io.BytesIO()  # NumPy asks a file for its position, and a buffered pipe has none
    np.save(whole, vectors, allow_pickle=False)
    sys.stdout.buffer.write(whole.getvalue())


if __name__ == "__main__":
    main()
