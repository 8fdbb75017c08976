"""What one call leaves behind for another, and what differs from run to run."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.blas import mx
from embeddings.models import bert, decoder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    replace_encode,
    scratch,
)

fault = faults_of("state")


@fault(
    "dropout left on",
    "fwd",
    "the model runs in training mode",
    kills=("repeated", "parity"),
    source="facebookresearch/XLM#101",
    random=True,
)
def dropout(patch: Patch) -> None:
    right = bert.Bert.norm
    mx.random.seed(scratch.seed)

    def norm(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        out = right(self, name, x)
        return mx.where(mx.random.uniform(shape=out.shape) < 0.1, 0, out / 0.9)

    patch.setattr(bert.Bert, "norm", norm)


@fault(
    "result buffer reused",
    "out",
    "a call overwrites the vectors that an earlier one returned",
    kills=("no side effects",),
)
def buffer_reused(patch: Patch) -> None:
    buffers: dict[tuple[int, ...], NDArray[np.float32]] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        buffer = buffers.setdefault(vectors.shape, np.empty_like(vectors))
        buffer[:] = vectors
        return buffer

    replace_encode(patch, encode)


@fault(
    "state shared between threads",
    "out",
    "a call's texts are kept on the object",
    kills=("threads",),
    source="ollama/ollama#8713",
    random=True,
)
def shared_state(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        self.pending = texts
        time.sleep(0.002)  # let another thread in
        return right(self, self.pending, **options)

    replace_encode(patch, encode)


@fault(
    "state between batches",
    "fwd",
    "keys and values of the last batch are attended to",
    kills=("repeated", "alone or mixed", "parity"),
    source="ddalcu/mlx-serve#403",
    model=TINY_DECODER,
)
def state_between_batches(patch: Patch) -> None:
    """The end of the last batch of as many texts is still attended to: a cache that was not emptied."""
    right, kept = decoder.Decoder.__call__, dict[int, mx.array]()

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        before = kept.get(ids.shape[0], ids[:, :0])
        kept[ids.shape[0]] = ids[:, -8:]
        return right(self, mx.concatenate([before, ids], axis=1), lengths)[:, before.shape[1] :]

    patch.setattr(decoder.Decoder, "__call__", call)
