"""Which tokens read which, and with which heads."""

from typing import Any

from embeddings.blas import mx
from embeddings.models import bert, decoder
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
    "heads of another group",
    "fwd",
    "queries attend to the keys of the next group",
    kills=("parity", "hidden state parity"),
    model=TINY_DECODER,
)
def grouped_heads_swapped(patch: Patch) -> None:
    """Queries attend to the keys of another group."""

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
