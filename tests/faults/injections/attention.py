"""Faults in attention: which tokens attend to which, with what weight, and with which heads."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from embeddings.backend import mx
from embeddings.models import bert, decoder, layers
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_trunk,
)

fault = faults_of("attention")


@fault(
    "causal mask on an encoder",
    "fwd",
    "no token reads what comes after it",
    kills=("parity", "bidirectional"),
    source="huggingface/sentence-transformers#3725",
)
def causal_mask(patch: Patch) -> None:
    right = bert.Bert.attention_mask

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array:
        causal = mx.tril(mx.ones((longest, longest), dtype=mx.bool_))
        padding = right(self, longest, lengths)
        return causal if padding is None else mx.logical_and(padding, causal)

    patch.setattr(bert.Bert, "attention_mask", mask)


@fault(
    "no causal mask on a decoder",
    "fwd",
    "every token reads the whole text",
    kills=("causal", "parity", "hidden state parity"),
    source="huggingface/text-embeddings-inference#642",
    model=TINY_DECODER,
)
def no_causal_mask(patch: Patch) -> None:
    right = decoder.Decoder.__init__

    def init(self: Any, config: Any, weights: Any, *, causal: bool = True) -> None:
        right(self, config, weights, causal=not causal)

    patch.setattr(decoder.Decoder, "__init__", init)


@fault(
    "causal mask off by one",
    "fwd",
    "a token reads the one that follows it too: the padding, at the end",
    kills=("causal", "alone or mixed", "parity"),
    model=TINY_DECODER,
)
def causal_mask_off_by_one(patch: Patch) -> None:
    def call(self: decoder.Decoder, ids: mx.array, _: mx.array) -> mx.array:
        length = ids.shape[1]
        return self.walk(ids, mx.tril(mx.ones((length, length), dtype=mx.bool_), k=1))

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "heads of another group",
    "fwd",
    "queries attend to the keys of the next group",
    kills=("parity", "hidden state parity"),
    model=TINY_DECODER,
)
def grouped_heads_swapped(patch: Patch) -> None:
    """Let queries attend to the keys of another group."""

    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            weight = layer.self_attn.k_proj.weight
            layer.self_attn.k_proj.weight = mx.concatenate([weight[32:], weight[:32]])

    change_trunk(patch, change)


@fault(
    "query norm skipped",
    "fwd",
    "queries are not normalised before they are turned",
    kills=("parity", "hidden state parity"),
    model=TINY_DECODER,
)
def query_norm_skipped(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.q_norm = lambda x: x

    change_trunk(patch, change)


def change_attention(patch: Patch, scaled: Callable[[float], float]) -> None:
    """Scale the encoder's attention scores by a different number."""

    def attention(
        queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: mx.array | None
    ) -> mx.array:
        return layers.attention(queries, keys, values, scale=scaled(scale), mask=mask)

    patch.setattr(bert, "attention", attention)


@fault(
    "scores scaled by the whole width",
    "fwd",
    "by 1 / sqrt(384), the width of all heads, in place of one head's",
    kills=("parity", "hidden state parity"),
    source="FrancescoSaverioZuppichini/ViT#1",
)
def scaled_by_the_width(patch: Patch) -> None:
    change_attention(patch, lambda scale: scale * 12**-0.5)


@fault(
    "scores not scaled", "fwd", "the softmax of the bare products", kills=("parity", "hidden state parity")
)
def scores_not_scaled(patch: Patch) -> None:
    change_attention(patch, lambda _: 1.0)


@fault(
    "queries and keys exchanged",
    "fwd",
    "each projection is used as the other",
    kills=("parity", "hidden state parity"),
)
def queries_and_keys_exchanged(patch: Patch) -> None:
    right, other = bert.Bert.linear, {"query": "key", "key": "query"}

    def linear(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        path, _, last = name.rpartition(".")
        return right(self, f"{path}.{other.get(last, last)}", x)

    patch.setattr(bert.Bert, "linear", linear)


@fault(
    "heads not moved back",
    "fwd",
    "what the heads give is reshaped without exchanging their axis and the tokens'",
    kills=("parity", "hidden state parity"),
)
def heads_not_moved_back(patch: Patch) -> None:
    def attention(queries: mx.array, keys: mx.array, values: mx.array, **options: Any) -> mx.array:
        mixed = layers.attention(queries, keys, values, **options)
        batch, heads, length, width = mixed.shape
        return mixed.reshape(batch, length, heads, width).swapaxes(1, 2)

    patch.setattr(bert, "attention", attention)


@fault(
    "groups of heads tiled",
    "fwd",
    "keys are repeated as 0 1 0 1 and not as 0 0 1 1",
    kills=("parity", "hidden state parity"),
    source="ekzhang/jax-js#180",
    model=TINY_DECODER,
)
def groups_tiled(patch: Patch) -> None:
    module = import_module("mlx_lm.models.qwen3")
    right = module.scaled_dot_product_attention

    def attention(queries: mx.array, keys: mx.array, values: mx.array, **options: Any) -> Any:
        times = queries.shape[1] // keys.shape[1]
        return right(queries, mx.tile(keys, (1, times, 1, 1)), mx.tile(values, (1, times, 1, 1)), **options)

    patch.setattr(module, "scaled_dot_product_attention", attention)


@fault(
    "sliding window unasked",
    "fwd",
    "a token reads the last 256 alone, though the configuration says use_sliding_window false",
    kills=("parity", "hidden state parity"),
    source="huggingface/transformers#38002",
    model=TINY_DECODER,
)
def sliding_window(patch: Patch) -> None:
    def call(self: decoder.Decoder, ids: mx.array, _: mx.array) -> mx.array:
        behind = mx.arange(ids.shape[1])[:, None] - mx.arange(ids.shape[1])[None, :]
        return self.walk(ids, mx.logical_and(behind >= 0, behind < 256))

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "softmax without its maximum",
    "fwd",
    "scores are exponentiated as they are: large ones overflow, and their row is NaN",
    kills=("cached",),
)
def softmax_without_its_maximum(patch: Patch) -> None:
    def attention(
        queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: mx.array | None
    ) -> mx.array:
        shares = mx.exp((queries * scale) @ keys.swapaxes(-1, -2))
        if mask is not None:
            shares = mx.where(mask, shares, 0)
        return (shares @ values) / shares.sum(axis=-1, keepdims=True)

    patch.setattr(bert, "attention", attention)
