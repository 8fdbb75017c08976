"""Harmless changes of the arithmetic: other sums, other kernels, whole other implementations."""

from collections.abc import Callable
from copy import copy
from typing import Any

import numpy as np

from embeddings import pooling
from embeddings.backend import mx
from embeddings.models import bert, decoder, layers
from tests.faults import implementations
from tests.faults.registry import TINY_DECODER, Patch, harmless
from tests.faults.seams import pool_with


def in_numpy(precision: str) -> Callable[[Patch], None]:
    """Compute hidden states by the implementation in NumPy, in the given precision.

    A large batch of the encoder stays as it is: there NumPy takes five times as long.
    """

    def inject(patch: Patch) -> None:
        kept: dict[int, tuple[Any, Any]] = {}  # the model too, so that no other gets its id
        right = bert.Bert.__call__

        def weights_of(model: Any) -> Any:
            if id(model) not in kept:
                held = {name: np.array(weight).astype(precision) for name, weight in model.weights.items()}
                kept[id(model)] = model, held
            return kept[id(model)][1]

        def encoder(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
            if ids.size > 128:
                return right(self, ids, lengths)
            states = implementations.bert(weights_of(self), self.config, np.array(ids), np.array(lengths))
            return mx.array(states.astype(np.float32))

        def trunk(self: decoder.Decoder, ids: mx.array, _: mx.array) -> mx.array:
            states = implementations.qwen3(weights_of(self), self.config.arguments, np.array(ids))
            return mx.array(states.astype(np.float32))

        patch.setattr(bert.Bert, "__call__", encoder)
        patch.setattr(decoder.Decoder, "__call__", trunk)

    return inject


harmless("another implementation of small batches", "fwd", "of BERT, in NumPy, up to 128 tokens")(
    in_numpy("float32")
)
harmless("another implementation of a decoder", "fwd", "of Qwen3, in NumPy", model=TINY_DECODER)(
    in_numpy("float32")
)
harmless("a decoder in float64", "fwd", "of Qwen3, in NumPy and float64", model=TINY_DECODER)(
    in_numpy("float64")
)


def own_kernels(patch: Patch, when: Callable[[tuple[int, ...]], bool]) -> None:
    """Use MLX's own GELU, attention and norm in batches that ``when`` selects by their shape (B, T)."""
    right, slow, chosen = bert.Bert.__call__, layers._slow, [False]

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        chosen[0] = when(tuple(ids.shape))
        return right(self, ids, lengths)

    patch.setattr(bert.Bert, "__call__", call)
    patch.setattr(layers, "_slow", lambda x: slow(x) and not chosen[0])


@harmless(
    "another kernel once warm", "fwd", "the first 40 batches are computed by another kernel", remembers=True
)
def warm(patch: Patch) -> None:
    batches = [0]

    def when(_: tuple[int, ...]) -> bool:
        batches[0] += 1
        return batches[0] > 40

    own_kernels(patch, when)


@harmless("another kernel for odd lengths", "fwd", "batches of an odd number of columns have their own")
def odd_lengths(patch: Patch) -> None:
    own_kernels(patch, lambda shape: shape[1] % 2 == 1)


@harmless("queries, keys and values in one product", "fwd", "three matrices are one, as in fused kernels")
def fused_projections(patch: Patch) -> None:
    right = bert.Bert.linear
    names = [f"attention.self.{name}" for name in ("query", "key", "value")]

    def linear(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        layer = next((name.removesuffix(end) for end in names if name.endswith(end)), None)
        if layer is None:
            return right(self, name, x)
        weight, bias = (
            mx.concatenate([self.weights[f"{layer}{end}.{kind}"] for end in names])
            for kind in ("weight", "bias")
        )
        parts = (x @ weight.T + bias).split(3, axis=-1)
        return parts[[f"{layer}{end}" for end in names].index(name)]

    patch.setattr(bert.Bert, "linear", linear)


@harmless("attention in blocks", "fwd", "of 16 keys, with a running maximum and sum (flash attention)")
def attention_in_blocks(patch: Patch) -> None:
    def attention(
        queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: mx.array | None
    ) -> mx.array:
        top = mx.full((*queries.shape[:-1], 1), -1e30)
        total, mixed = mx.zeros(top.shape), mx.zeros(queries.shape)
        for start in range(0, keys.shape[2], 16):
            block = slice(start, start + 16)
            scores = (queries * scale) @ keys[:, :, block].swapaxes(-1, -2)
            if mask is not None:
                scores = mx.where(mask[..., block], scores, -mx.inf)
            higher = mx.maximum(top, scores.max(axis=-1, keepdims=True))
            shares, before = mx.exp(scores - higher), mx.exp(top - higher)
            total = total * before + shares.sum(axis=-1, keepdims=True)
            mixed = mixed * before + shares @ values[:, :, block]
            top = higher
        return mixed / total

    patch.setattr(bert, "attention", attention)


@harmless("texts packed", "fwd", "the texts of a batch lie in one row, and a mask keeps them apart")
def packed(patch: Patch) -> None:
    right = bert.Bert.__call__

    def embed(self: bert.Bert, ids: mx.array, places: mx.array) -> mx.array:
        word, position, kind = (
            self.weights[f"embeddings.{name}_embeddings.weight"]
            for name in ("word", "position", "token_type")
        )
        return self.norm("embeddings.LayerNorm", word[ids] + position[places] + kind[0])

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        of = np.array(lengths)
        whose = np.repeat(np.arange(len(of)), of)
        places = np.concatenate([np.arange(length) for length in of])
        row = mx.array(np.array(ids)[whose, places])[None]
        apart = mx.array(whose[:, None] == whose[None, :])[None, None]
        alone: Any = copy(self)
        alone.embed = lambda _: embed(self, row, mx.array(places)[None])
        alone.attention_mask = lambda *_: apart
        states = right(alone, row, mx.array([len(whose)]))
        padded = np.zeros(tuple(ids.shape), dtype=np.int32)
        padded[whose, places] = np.arange(len(whose))
        return states[0][mx.array(padded)]

    patch.setattr(bert.Bert, "__call__", call)


@harmless("mean from both ends", "out", "the first and the second half of a text are added up apart")
def mean_from_both_ends(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        places = mx.arange(hidden.shape[1])[None, :, None]
        half, whole = (lengths // 2)[:, None, None], lengths[:, None, None]
        first = mx.where(places < half, hidden, 0).sum(axis=1)
        second = mx.where(mx.logical_and(places >= half, places < whole), hidden, 0)[:, ::-1].sum(axis=1)
        return (first + second) * (1 / lengths[:, None])

    pool_with(patch, pool)


@harmless(
    "length by the reciprocal root",
    "out",
    "a vector is multiplied by 1 / sqrt of its square",
    model=TINY_DECODER,
)
def reciprocal_root(patch: Patch) -> None:
    def normalize(vectors: mx.array) -> mx.array:
        return vectors * mx.rsqrt(mx.maximum((vectors * vectors).sum(axis=-1, keepdims=True), 1e-24))

    patch.setattr(pooling, "normalize", normalize)
