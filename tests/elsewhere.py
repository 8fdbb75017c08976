"""A new process that encodes: ``python -m tests.elsewhere MODEL [FAULT]``, JSON in, .npy out."""

import importlib
import json
import sys
import warnings
from contextlib import AbstractContextManager, nullcontext

import numpy as np

import embeddings


def injected(fault: str) -> AbstractContextManager[object]:
    """Inject that fault; the gate itself needs none, and does not import them."""
    return importlib.import_module("tests.faults.catalogue").injected(fault) if fault else nullcontext()


def main() -> None:
    """Encode the texts on stdin with the model, with the fault of that name injected if there is one."""
    model, fault = sys.argv[1], sys.argv[2]
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    with injected(fault):
        vectors = embeddings.load(model).encode(json.load(sys.stdin))
    np.save(sys.stdout.buffer, vectors, allow_pickle=False)


if __name__ == "__main__":
    main()
