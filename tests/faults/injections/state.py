"""Faults of state: one call changes a later call, or results differ from run to run."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.backend import mx
from embeddings.models import bert, decoder
from tests.faults.overlap import Overlap
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
)
def shared_state(patch: Patch) -> None:
    overlap = Overlap()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        overlap.enter()
        self.pending = texts
        overlap.interfered()
        overlap.middle()
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
    """Let texts attend to the end of the last batch with as many texts, as with a cache not emptied."""
    right, kept = decoder.Decoder.__call__, dict[int, mx.array]()

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        before, last = kept.get(ids.shape[0], ids[:, :0]), ids[:, -8:]
        mx.eval(last)  # two threads that evaluate one array can end the process
        kept[ids.shape[0]] = last
        return right(self, mx.concatenate([before, ids], axis=1), lengths)[:, before.shape[1] :]

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "buffer cleared by another thread",
    "out",
    "a call clears the buffers of those that still read theirs: zeros in a vector",
    kills=("threads",),
    source="ml-explore/mlx-lm#1181",
)
def buffer_cleared(patch: Patch) -> None:
    read: dict[int, NDArray[np.float32]] = {}
    overlap = Overlap()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        overlap.enter()
        for buffer in list(read.values()):
            buffer[:, buffer.shape[1] // 2 :] = 0
        overlap.interfered()
        mine = read[threading.get_ident()] = right(self, texts, **options)
        overlap.middle()
        del read[threading.get_ident()]
        return mine

    replace_encode(patch, encode)


@fault(
    "threads share a result",
    "out",
    "a call for as many texts as one that is under way is given its result",
    kills=("threads",),
)
def threads_share_a_result(patch: Patch) -> None:
    under_way: dict[int, NDArray[np.float32]] = {}
    overlap = Overlap()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        overlap.enter()
        found = under_way.get(len(texts))
        overlap.interfered()
        if found is not None:
            return found.copy()
        mine = under_way[len(texts)] = right(self, texts, **options)
        overlap.middle()
        under_way.pop(len(texts), None)
        return mine

    replace_encode(patch, encode)


@fault(
    "lower precision in other threads",
    "out",
    "a setting for the precision holds in the main thread alone",
    kills=("threads",),
)
def lower_precision_in_threads(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        main = threading.current_thread() is threading.main_thread()
        return vectors if main else vectors.astype(np.float16).astype(np.float32)

    replace_encode(patch, encode)


@fault(
    "first result for ever",
    "out",
    "a call for as many texts as an earlier one gets its vectors",
    kills=("alone or mixed", "threads"),
)
def first_result_for_ever(patch: Patch) -> None:
    first: dict[Any, NDArray[np.float32]] = {}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return first.setdefault(vectors.shape, vectors).copy()

    replace_encode(patch, encode)


@fault(
    "caller's list sorted",
    "out",
    "the texts are sorted in place, so that the vectors fit the list as it is now",
    kills=("no side effects",),
)
def callers_list_sorted(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if isinstance(texts, list) and all(isinstance(text, str) for text in texts):
            texts.sort(key=len)
        return right(self, texts, **options)

    replace_encode(patch, encode)


@fault(
    "end of a longer text left behind",
    "fwd",
    "the buffer of ids is not cleared: a text reads on in a longer one that was there before",
    kills=("parity", "alone or mixed"),
    source="ROCm/FastFlowLM#647",
)
def longer_text_left_behind(patch: Patch) -> None:
    right = bert.Bert.__call__
    buffer, written = np.zeros((4096, 512), np.int32), np.zeros(4096, np.int32)

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        (rows, columns), ends = ids.shape, np.array(lengths)
        fresh = np.arange(columns) < ends[:, None]
        buffer[:rows, :columns][fresh] = np.array(ids)[fresh]
        written[:rows] = np.maximum(written[:rows], ends)
        read = np.minimum(ends + 4, written[:rows])
        longer = buffer[:rows, : max(columns, read.max())]
        return right(self, mx.array(longer), mx.array(read))[:, :columns]

    patch.setattr(bert.Bert, "__call__", call)
