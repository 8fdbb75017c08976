"""Faults that let padding change a vector: in the mean, through attention, or at the wrong end."""

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings import batch_runner, batching, pooling
from embeddings.backend import mx
from embeddings.models import bert, decoder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import change_ids, pool_with

fault = faults_of("padding")


@fault(
    "padding in the mean",
    "out",
    "padded positions are averaged with the real ones",
    kills=("parity", "alone or mixed", "generated mixtures", "pooled states"),
    source="ml-explore/mlx-swift-lm#418",
)
def padding_in_the_mean(patch: Patch) -> None:
    pool_with(patch, lambda hidden, _: hidden.mean(axis=1))


@fault(
    "attention mask ignored",
    "fwd",
    "real tokens attend to padding",
    kills=("parity", "alone or mixed", "generated mixtures"),
    source="ml-explore/mlx-swift-lm#418",
)
def attention_mask_ignored(patch: Patch) -> None:
    patch.setattr(bert.Bert, "attention_mask", lambda *_: None)


@fault(
    "attention across texts",
    "fwd",
    "texts of equal length are packed without a mask between them",
    kills=("equal lengths",),
)
def attention_across_texts(patch: Patch) -> None:
    right = bert.Bert.__call__
    packed = threading.local()

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        packed.now = ids.shape[0] > 1 and len(np.unique(np.array(lengths))) == 1
        return right(self, ids, lengths)

    attend = bert.Bert.attend

    def attend_all(self: bert.Bert, layer: str, x: mx.array, mask: mx.array | None) -> mx.array:
        if packed.now:
            return attend(self, layer, x.reshape(1, -1, x.shape[2]), None).reshape(x.shape)
        return attend(self, layer, x, mask)

    patch.setattr(bert.Bert, "__call__", call)
    patch.setattr(bert.Bert, "attend", attend_all)


@fault(
    "tile remainder",
    "fwd",
    "a batch that fills tiles of 32 exactly counts one padded position as real",
    kills=("multiple of 32",),
)
def tile_remainder(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        longest = hidden.shape[1]
        return pooling.mean(hidden, mx.minimum(lengths + 1, longest) if longest % 32 == 0 else lengths)

    pool_with(patch, pool)


@fault(
    "mask left out at the limit",
    "fwd",
    "a batch of the greatest length is taken to need no mask",
    kills=("alone or mixed",),
)
def mask_left_out_at_the_limit(patch: Patch) -> None:
    right = bert.Bert.attention_mask

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array | None:
        return None if longest == 256 else right(self, longest, lengths)

    patch.setattr(bert.Bert, "attention_mask", mask)


@fault(
    "left padding taken for right",
    "out",
    "the last token looked for at the wrong end of a padded row",
    kills=("parity", "alone or mixed", "generated mixtures"),
    source="xiezijun714-lang/Echo#24",
    model=TINY_DECODER,
)
def left_padded(patch: Patch) -> None:
    """Pad on the left, but find the last token as if padded on the right; positions count the padding."""

    def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        right = batching.pad(ids)
        return np.stack([np.roll(row, len(row) - len(real)) for row, real in zip(right, ids, strict=True)])

    patch.setattr(batch_runner, "pad", pad)


@fault(
    "mask left out for equal lengths",
    "fwd",
    "a batch of texts of one length is taken to need no mask",
    kills=("equal lengths",),
    source="huggingface/text-embeddings-inference#882",
    model=TINY_DECODER,
)
def mask_left_out_for_equal_lengths(patch: Patch) -> None:
    right = decoder.Decoder.__call__

    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        several = ids.shape[0] > 1 and bool((lengths == ids.shape[1]).all())
        everything = mx.ones((ids.shape[1], ids.shape[1]), dtype=mx.bool_)
        hidden: mx.array = self.walk(ids, everything) if several else right(self, ids, lengths)
        return hidden

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "rows that read nothing",
    "out",
    "padding far behind its text has no key to read: NaN, which the mean multiplies by 0",
    kills=("alone or mixed", "batch budget", "multiple of 32"),
    source="Blaizzy/mlx-embeddings#80",
)
def rows_that_read_nothing(patch: Patch) -> None:
    """Make the softmax of some padding 0 / 0, because it attends to no key.

    This is the padding that lies more than a window of 64 past the end of its text.
    """

    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        behind = (mx.arange(hidden.shape[1])[None, :] - lengths[:, None])[..., None]
        states = mx.where(behind >= 64, mx.nan, hidden)
        return (states * (behind < 0)).sum(axis=1) / lengths[:, None]

    pool_with(patch, pool)


@fault(
    "fixed padding of tokenizer.json",
    "tok",
    "texts are padded to 128 tokens, as the file says, and the padding is read",
    kills=("token ids", "declared tokens", "parity"),
    source="spiceai/spiceai#13415",
)
def fixed_padding(patch: Patch) -> None:
    change_ids(patch, lambda ids: np.pad(ids, (0, max(0, 128 - len(ids)))))


@fault(
    "mask at the end of the batch",
    "fwd",
    "a causal mask is aligned with the longest text: a shorter one reads as far as if it ended there",
    kills=("alone or mixed", "parity", "padded lengths"),
    source="ml-explore/mlx#2835",
    model=TINY_DECODER,
)
def mask_at_the_end(patch: Patch) -> None:
    def call(self: decoder.Decoder, ids: mx.array, lengths: mx.array) -> mx.array:
        longest = ids.shape[1]
        place = mx.arange(longest)
        ahead = (longest - lengths)[:, None, None]
        return self.walk(ids, (place[None, None, :] <= place[None, :, None] + ahead)[:, None])

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "mean divided by the longest",
    "out",
    "the sum of a text's states is divided by the tokens of the longest text of its batch",
    kills=("options together", "pooled states", "pooled length"),
)
def mean_by_the_longest(patch: Patch) -> None:
    pool_with(
        patch, lambda hidden, lengths: pooling.mean(hidden, lengths) * lengths[:, None] / hidden.shape[1]
    )
