"""Keeps results of the right library, because most faults leave most results as they are.

For all runs of a process these are kept:

- the loaded model, for faults that do not change it
- its hidden states, by the ids and lengths that the model gets. A fault that changes these finds no result.
- what the judge's seeded resampling says of vectors, by the vectors
- the memory that the right model needs, for faults that do not change the forward pass
- one other process, for the check of that name. It gets one fault after the other, as this process does.

For one run the hidden states of a broken model are kept, if they depend only on ids and lengths and not on
earlier calls. While memory is measured, no result is used again.
"""

import atexit
import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import embeddings
from embedding_gate import adapter
from embedding_gate.errors import WorkerError
from embedding_gate.metrics import resampling
from embedding_gate.serving import unpack
from embedding_gate.workers import Worker
from embeddings.backend import mx
from embeddings.embedder import Embedder
from embeddings.models import ENCODERS, Decoder, Encoder
from tests.faults.registry import Fault, Patch

__all__ = ["remember", "reuse", "reuse_within"]

# Functions that depend only on arrays and labelled sets. Their random numbers are seeded.
RESAMPLING = (
    "chance_of_pairs",
    "chance_of_texts",
    "chance_of_topics",
    "draw_aucs",
    "draw_hits",
    "draw_means",
    "draw_spearman",
)

BY_CALL = ("kernels", "state")  # causes of faults that may depend on more than ids and lengths

Model = Encoder | Decoder
Hidden = dict[
    tuple[int, bytes], tuple[Model, mx.array]
]  # it holds the model too, so that no other model gets its id

_elsewhere: list[Worker] = []
_models: dict[tuple[str, str], Embedder] = {}
_others: dict[int, Embedder] = {}  # by the id of the model from which each differs in a weight
_hidden: Hidden = {}
_resampled: dict[bytes, Any] = {}
_peaks: dict[tuple[int, str], int] = {}  # by the model and the texts
_measuring: list[bool] = []  # not empty while memory is measured


def reuse(patch: Patch, fault: Fault) -> None:
    """Let the library and the judge use kept results that the fault does not change."""
    remember(patch)
    patch.setattr(adapter, "encode_elsewhere", _encode_elsewhere)
    forward_is_right = fault.where in ("tok", "out")
    patch.setattr(adapter, "peak_memory", _peak_memory(adapter.peak_memory, keep=forward_is_right))
    if forward_is_right:
        patch.setattr(embeddings, "load", _load(embeddings.load))
        patch.setattr(adapter, "changed", _changed(adapter.changed))
        # Ids that are not the right ones come only once. They are not worth the memory.
        _reuse_hidden(patch, _hidden, _is_kept, keep=fault.where == "out")


def reuse_within(patch: Patch, fault: Fault) -> None:
    """Let a run of a fault use its own hidden states again."""
    by_call = fault.remembers or fault.cause in BY_CALL or (fault.random and fault.where == "fwd")
    if fault.where in ("tok", "fwd", "load") and not by_call:
        _reuse_hidden(patch, {}, lambda _: True, keep=True)


def _peak_memory(right: Callable[[Any], int], *, keep: bool) -> Callable[[Any], int]:
    def peak_memory(call: Any) -> int:
        one = getattr(call.func, "__self__", None)  # None: many calls, which a fault may remember
        key = (id(one and one.model), str(call.args))
        if keep and one and key in _peaks:
            return _peaks[key]
        _measuring.append(True)
        try:
            peak = right(call)
        finally:
            _measuring.pop()
        if keep and one:
            _peaks[key] = peak
        return peak

    return peak_memory


def _is_kept(model: Model) -> bool:
    return any(model is one.model for one in (*_models.values(), *_others.values()))


def _encode_elsewhere(asked: dict[str, Any]) -> NDArray[np.float32]:
    if not _elsewhere:
        _elsewhere.append(process := adapter.new_process())
        process.start()
        atexit.register(process.stop)
    try:
        return unpack(_elsewhere[0].ask(asked))
    except WorkerError:  # the process has ended: the next fault gets a new one
        _elsewhere.pop().stop()
        raise


def remember(patch: Patch) -> None:
    """Let the judge draw samples of the same vectors only once."""
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


def _changed(right: Callable[[Embedder], Embedder]) -> Callable[[Embedder], Embedder]:
    def changed(encoder: Embedder) -> Embedder:
        if not _is_kept(encoder.model):
            return right(encoder)
        if id(encoder.model) not in _others:
            _others[id(encoder.model)] = right(encoder)
        return _others[id(encoder.model)]

    return changed


def _reuse_hidden(patch: Patch, found: Hidden, known: Callable[[Model], bool], *, keep: bool) -> None:
    for kind in (*ENCODERS.values(), Decoder):
        patch.setattr(kind, "__call__", _call(kind.__call__, found, known, keep=keep))


def _call(
    right: Callable[..., mx.array], found: Hidden, known: Callable[[Model], bool], *, keep: bool
) -> Callable[..., mx.array]:
    def call(self: Model, ids: mx.array, lengths: mx.array) -> mx.array:
        if _measuring or not known(self):
            return right(self, ids, lengths)
        key = (id(self), f"{ids.shape}".encode() + np.array(ids).tobytes() + np.array(lengths).tobytes())
        if key in found:
            return found[key][1]
        hidden = right(self, ids, lengths)
        if keep:
            mx.eval(hidden)  # two threads must not evaluate one array
            found[key] = (self, hidden)
        return hidden

    return call
