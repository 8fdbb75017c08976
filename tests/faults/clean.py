"""What the right library gives, computed once in a process: many faults leave most of it as it is.

Three things are kept. The loaded model and its hidden states, for faults that change neither; hidden states
are found by the very ids and lengths that the model is handed, so a fault that hands it others misses them.
And what the judge's seeded resampling said of vectors, by the vectors.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np

import embeddings
from embeddings.blas import mx
from embeddings.embedder import Embedder
from embeddings.evaluation import resampling
from embeddings.models import Bert, Decoder
from tests.faults.registry import Fault, Patch
from tests.harness import LONGEST

__all__ = ["remember", "reuse"]

# Functions of arrays and of labelled sets alone, whose random numbers are seeded.
RESAMPLING = (
    "chance_of_pairs",
    "chance_of_texts",
    "chance_of_topics",
    "draw_aucs",
    "draw_hits",
    "draw_means",
    "draw_spearman",
)

_models: dict[tuple[str, str], Embedder] = {}
_hidden: dict[tuple[int, bytes], mx.array] = {}
_resampled: dict[bytes, Any] = {}


def reuse(patch: Patch, fault: Fault) -> None:
    """Let the library and the judge use what was kept, as far as the fault leaves it right."""
    remember(patch)
    if fault.where in ("tok", "out"):
        patch.setattr(embeddings, "load", _load(embeddings.load))
        for kind in (Bert, Decoder):
            # Other ids than the right ones come once: not worth the memory.
            patch.setattr(kind, "__call__", _call(kind.__call__, keep=fault.where == "out"))


def remember(patch: Patch) -> None:
    """Let the judge draw once what it draws of the same vectors."""
    for name in RESAMPLING:
        patch.setattr(resampling, name, _remembered(getattr(resampling, name)))


def _remembered(right: Callable[..., Any]) -> Callable[..., Any]:
    def remembered(*arguments: Any) -> Any:
        digest = hashlib.sha256(right.__name__.encode())
        for argument in arguments:
            digest.update(_content(argument))
        if (key := digest.digest()) not in _resampled:
            _resampled[key] = right(*arguments)
        found = _resampled[key]
        return found.copy() if isinstance(found, dict) else found

    return remembered


def _content(argument: Any) -> bytes:
    if isinstance(argument, np.ndarray):
        return f"{argument.dtype}{argument.shape}".encode() + argument.tobytes()
    return str(getattr(argument, "sha256", argument)).encode()


def _load(right: Callable[..., Embedder]) -> Callable[..., Embedder]:
    def load(model: str, **options: Any) -> Embedder:
        key = (str(model), str(sorted(options.items())))
        if key not in _models:
            _models[key] = right(model, **options)
        return _models[key]

    return load


def _call(right: Callable[..., mx.array], *, keep: bool) -> Callable[..., mx.array]:
    def call(self: Bert | Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        mine = any(self is one.model for one in _models.values())
        if not mine or ids.shape[1] > LONGEST:  # the memory of longer texts is measured
            return right(self, ids, lengths)
        key = (id(self), f"{ids.shape}".encode() + np.array(ids).tobytes() + np.array(lengths).tobytes())
        if (hidden := _hidden.get(key)) is None:
            hidden = right(self, ids, lengths)
            if keep:
                mx.eval(hidden)  # two threads must not evaluate one array
                _hidden[key] = hidden
        return hidden

    return call
