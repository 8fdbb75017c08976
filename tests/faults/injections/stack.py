"""Faults in the layer stack: the input of the layers, which layers run, and the residual paths."""

from copy import copy
from dataclasses import replace
from importlib import import_module
from typing import Any

from embeddings.backend import mx
from embeddings.models import bert
from tests.faults.registry import TINY_DECODER, Patch, faults_of

fault = faults_of("stack")
SEGMENTS = "embeddings.token_type_embeddings.weight"


def change_token_types(patch: Patch, order: slice, scale: float = 1.0) -> None:
    """Give every token another token type than 0: the first row of the reordered table, scaled."""
    right = bert.Bert.embed

    def embed(self: bert.Bert, ids: mx.array) -> mx.array:
        other = copy(self)
        other.weights = {**self.weights, SEGMENTS: scale * self.weights[SEGMENTS][order]}
        return right(other, ids)

    patch.setattr(bert.Bert, "embed", embed)


@fault(
    "token types left out", "fwd", "nothing is added for the segment", kills=("parity", "hidden state parity")
)
def token_types_left_out(patch: Patch) -> None:
    change_token_types(patch, slice(None), 0.0)


@fault(
    "mask and token types exchanged",
    "fwd",
    "arguments in the wrong order: tokens are of the second segment, and read padding",
    kills=("parity", "alone or mixed", "generated mixtures"),
    source="allenai/allennlp#2145",
)
def mask_and_token_types_exchanged(patch: Patch) -> None:
    change_token_types(patch, slice(None, None, -1))
    patch.setattr(bert.Bert, "attention_mask", lambda *_: None)


@fault(
    "last layer skipped",
    "fwd",
    "the states before the last layer are pooled",
    kills=("parity", "hidden state parity"),
)
def last_layer_skipped(patch: Patch) -> None:
    right = bert.Bert.__call__

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        shorter = copy(self)
        shorter.config = replace(self.config, num_hidden_layers=self.config.num_hidden_layers - 1)
        return right(shorter, ids, lengths)

    patch.setattr(bert.Bert, "__call__", call)


@fault(
    "no layer run",
    "fwd",
    "rows of the embedding table are pooled",
    kills=("parity", "hidden state parity", "bidirectional"),
    source="joonsoome/embed-rerank#14",
)
def no_layer_run(patch: Patch) -> None:
    patch.setattr(
        bert.Bert, "__call__", lambda self, ids, _: self.weights["embeddings.word_embeddings.weight"][ids]
    )


@fault(
    "residual left out once",
    "fwd",
    "one layer's attention replaces its input",
    kills=("parity", "hidden state parity"),
)
def residual_left_out(patch: Patch) -> None:
    right = bert.Bert.attend

    def attend(self: bert.Bert, layer: str, x: mx.array, mask: mx.array | None) -> mx.array:
        mixed = right(self, layer, x, mask)
        return mixed - x if layer == "encoder.layer.3" else mixed

    patch.setattr(bert.Bert, "attend", attend)


@fault(
    "norm before the residual",
    "fwd",
    "what a layer adds is normalised, and not the sum",
    kills=("parity", "hidden state parity"),
    source="mashrurmorshed/Torch-KWT#13",
)
def norm_before_the_residual(patch: Patch) -> None:
    linear, norm = bert.Bert.linear, bert.Bert.norm

    def normed(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        added = linear(self, name, x)
        return norm(self, name.replace("dense", "LayerNorm"), added) if "output." in name else added

    patch.setattr(bert.Bert, "linear", normed)
    patch.setattr(
        bert.Bert, "norm", lambda self, name, x: x if name.startswith("encoder.") else norm(self, name, x)
    )


@fault(
    "residual after the norm",
    "fwd",
    "the normalised input goes past a layer, and not the input",
    kills=("parity", "hidden state parity"),
    source="pytorch/pytorch#61165",
    model=TINY_DECODER,
)
def residual_after_the_norm(patch: Patch) -> None:
    def call(self: Any, x: mx.array, mask: Any = None, cache: Any = None) -> mx.array:
        x = self.input_layernorm(x)
        x = self.post_attention_layernorm(x + self.self_attn(x, mask, cache))
        out: mx.array = x + self.mlp(x)
        return out

    patch.setattr(import_module("mlx_lm.models.qwen3").TransformerBlock, "__call__", call)
