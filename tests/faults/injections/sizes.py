"""Faults that strike at one size alone: of a call, of a batch, or of a text."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batch_runner, batching, embedder
from embeddings.backend import mx
from embeddings.models import bert
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import Batch, change_batches, drawn, replace_encode

fault = faults_of("sizes")
Vectors = NDArray[np.float32]
Spoil = Callable[[Vectors], object]


def last_is_first(vectors: Vectors) -> None:
    """Give the last text the first one's vector."""
    vectors[-1] = vectors[0]


def last_is_nothing(vectors: Vectors) -> None:
    """Leave the last vector at zero."""
    vectors[-1] = 0


def in_calls(patch: Patch, when: Callable[[int], bool], spoil: Spoil) -> None:
    """Spoil the vectors (N, D) of calls that ``when`` selects by their number of texts."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if len(vectors) and when(len(vectors)):
            spoil(vectors)
        return vectors

    replace_encode(patch, encode)


def in_batches(patch: Patch, when: Callable[[int], bool], spoil: Spoil) -> None:
    """Spoil the vectors (B, D) of batches that ``when`` selects by their number of rows."""

    def change(batches: list[Batch]) -> Iterator[Batch]:
        for rows, vectors in batches:
            if when(len(rows)):
                spoil(vectors)
            yield rows, vectors

    change_batches(patch, change)


@fault(
    "last of 64 texts", "out", "in a call of exactly 64 the last vector is the first", kills=("call sizes",)
)
def last_of_64(patch: Patch) -> None:
    in_calls(patch, lambda size: size == 64, last_is_first)


@fault("last of 64 rows", "out", "the same in a batch of exactly 64", kills=("call sizes",))
def last_row_of_64(patch: Patch) -> None:
    in_batches(patch, lambda size: size == 64, last_is_first)


@fault(
    "last text of one size",
    "out",
    "at a size from 2 to 66 that a seed draws",
    kills=("call sizes",),
    random=True,
)
def last_of_one_size(patch: Patch) -> None:
    one = drawn(2, 66)
    in_calls(patch, lambda size: size == one, last_is_first)


@fault(
    "last row of one size", "out", "of a batch, at a size from 2 to 66", kills=("call sizes",), random=True
)
def last_row_of_one_size(patch: Patch) -> None:
    one = drawn(2, 66)
    in_batches(patch, lambda size: size == one, last_is_nothing)


@fault(
    "buffer begins anew past a size",
    "out",
    "in calls of more texts than a seed draws, the first vectors come once more",
    kills=("call sizes", "options together"),
    random=True,
)
def buffer_begins_anew(patch: Patch) -> None:
    most = drawn(20, 60)

    def spoil(vectors: Vectors) -> None:
        vectors[:] = vectors[np.arange(len(vectors)) % most]

    in_calls(patch, lambda size: size > most, spoil)


@fault(
    "rest behind whole blocks lost",
    "out",
    "a grid of blocks of 8 rows has none for those that are left over",
    kills=("call sizes", "batch rows", "many texts"),
)
def rest_lost(patch: Patch) -> None:
    def spoil(vectors: Vectors) -> None:
        vectors[len(vectors) // 8 * 8 :] = 0

    in_batches(patch, lambda size: size > 8, spoil)


@fault(
    "one past a power of two", "out", "the last of 2^k + 1 texts is NaN, from 33 on", kills=("call sizes",)
)
def one_past_a_power(patch: Patch) -> None:
    def spoil(vectors: Vectors) -> None:
        vectors[-1] = np.nan

    in_calls(patch, lambda size: size > 32 and (size - 1) & (size - 2) == 0, spoil)


@fault(
    "odd number of rows", "out", "rows go in pairs, and the last has none", kills=("call sizes", "batch rows")
)
def odd_rows(patch: Patch) -> None:
    def spoil(vectors: Vectors) -> None:
        vectors[-1] = vectors[-2]

    in_batches(patch, lambda size: size > 2 and size % 2 == 1, spoil)


@fault(
    "one text, one dimension less", "out", "a call of one text gives (D,)", kills=("call sizes", "many calls")
)
def squeezed(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[0] if len(vectors) == 1 else vectors

    replace_encode(patch, encode)


@fault(
    "third batch reversed",
    "out",
    "where a call takes three batches or more, the third is written backwards",
    kills=("batch budget", "options together"),
)
def third_reversed(patch: Patch) -> None:
    change_batches(
        patch,
        lambda batches: [
            (rows[::-1] if number == 2 else rows, vectors) for number, (rows, vectors) in enumerate(batches)
        ],
    )


@fault(
    "NaN for 65 to 72 tokens",
    "fwd",
    "a kernel leaves a window of lengths unwritten",
    kills=("padded lengths",),
    source="EricLBuehler/mistral.rs#2214",
)
def nan_in_a_window(patch: Patch) -> None:
    right = bert.Bert.__call__

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        inside = mx.logical_and(lengths >= 65, lengths <= 72)[:, None, None]
        return mx.where(inside, mx.nan, right(self, ids, lengths))

    patch.setattr(bert.Bert, "__call__", call)


def changed_mask(patch: Patch, when: Callable[[int], bool]) -> None:
    """Leave out the mask in batches whose longest text ``when`` selects by its tokens."""
    right = bert.Bert.attention_mask

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array | None:
        return None if when(longest) else right(self, longest, lengths)

    patch.setattr(bert.Bert, "attention_mask", mask)


@fault(
    "mask left out in a window",
    "fwd",
    "where the longest text of a batch has one of eight lengths that a seed draws",
    kills=("padded lengths",),
    random=True,
)
def no_mask_in_a_window(patch: Patch) -> None:
    least = drawn(4, 240)
    changed_mask(patch, lambda longest: least <= longest < least + 8)


@fault(
    "last token unread in a window",
    "fwd",
    "in a batch whose longest text has one of eight lengths, the last token is taken for padding",
    kills=("padded lengths",),
    random=True,
)
def last_unread_in_a_window(patch: Patch) -> None:
    least, right = drawn(4, 240), bert.Bert.__call__

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        unread = int(ids.shape[0] > 1 and least <= ids.shape[1] < least + 8)
        return right(self, ids, mx.maximum(lengths - unread, 1))

    patch.setattr(bert.Bert, "__call__", call)


@fault(
    "ladder of lengths ends",
    "out",
    "batches are padded to 16, 32, 64 or 128 tokens, and a longer text is an error",
    kills=("padded lengths", "alone or mixed", "parity"),
    source="taylorai/mlx_embedding_models#7",
)
def ladder_ends(patch: Patch) -> None:
    def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        padded = batching.pad(ids)
        rung = next(rung for rung in (16, 32, 64, 128, None) if rung is None or rung >= padded.shape[1])
        if rung is None:
            raise IndexError("list index out of range")
        return np.pad(padded, ((0, 0), (0, rung - padded.shape[1])))

    patch.setattr(batch_runner, "pad", pad)


@fault(
    "batches of 16 at most",
    "out",
    "of the texts of a longer batch only the first 16 are computed, and they come again",
    kills=("call sizes", "batch rows", "many texts"),
)
def batches_of_16(patch: Patch) -> None:
    right = embedder.run_batches  # type: ignore[attr-defined]

    def run_batches(*arguments: Any, **options: Any) -> Iterator[Batch]:
        for rows, vectors in right(*arguments, **options):
            yield rows, vectors[np.arange(len(rows)) % 16]

    patch.setattr(embedder, "run_batches", run_batches)
