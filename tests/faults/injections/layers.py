"""Faults in the arithmetic of the layers."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from embeddings.backend import mx, nn
from embeddings.models import bert, encoder, layers
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_trunk,
)

fault = faults_of("layers")


@fault(
    "tanh GELU",
    "fwd",
    "the tanh approximation in place of the exact function",
    kills=("parity", "hidden state parity", "topics parity", "pairs parity", "published agreement"),
)
def tanh_gelu(patch: Patch) -> None:
    def gelu(x: mx.array) -> mx.array:
        return 0.5 * x * (1 + mx.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

    patch.setattr(bert, "gelu", gelu)


@fault(
    "layer-norm epsilon",
    "fwd",
    "1e-5, the default of most frameworks, where 1e-12 was trained",
    kills=("parity", "hidden state parity", "published agreement"),
)
def layer_norm_epsilon(patch: Patch) -> None:
    right = layers.layer_norm
    patch.setattr(encoder, "layer_norm", lambda x, weight, bias, _: right(x, weight, bias, 1e-5))


@fault(
    "fp16 overflow",
    "fwd",
    "large activations overflow in half precision: NaN for some texts",
    kills=("finite", "norm", "parity"),
    source="QwenLM/Qwen3-Embedding#164",
)
def overflow(patch: Patch) -> None:
    right = layers.gelu

    # The largest activation of each text is 22 to 25.
    # With this scale, activations above 24.53 exceed the fp16 maximum of 65,504.
    def gelu(x: mx.array) -> mx.array:
        return right((x * 2670).astype(mx.float16).astype(mx.float32) / 2670)

    patch.setattr(bert, "gelu", gelu)


@fault(
    "final norm skipped",
    "fwd",
    "the last layer's states are pooled as they are",
    kills=("parity", "hidden state parity"),
    source="vllm-project/vllm#33167",
    model=TINY_DECODER,
)
def final_norm_skipped(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        trunk.norm = lambda hidden: hidden

    change_trunk(patch, change)


@fault(
    "overflow hidden",
    "fwd",
    "activations that overflow half precision are set to 0, so that no vector is NaN",
    kills=("parity", "hidden state parity"),
)
def overflow_hidden(patch: Patch) -> None:
    right = layers.gelu

    def gelu(x: mx.array) -> mx.array:
        return right(mx.nan_to_num((x * 2670).astype(mx.float16), posinf=0).astype(mx.float32) / 2670)

    patch.setattr(bert, "gelu", gelu)


@fault("SiLU", "fwd", "SiLU in place of GELU", kills=("parity", "hidden state parity"))
def silu(patch: Patch) -> None:
    patch.setattr(bert, "gelu", lambda x: x * mx.sigmoid(x))


@fault(
    "GELU on a SiLU model",
    "fwd",
    "the gate's activation is not the one that the configuration names",
    kills=("parity", "hidden state parity"),
    source="huggingface/candle#3991",
    model=TINY_DECODER,
)
def gelu_on_silu(patch: Patch) -> None:
    module = import_module("mlx_lm.models.qwen3")
    patch.setattr(module, "swiglu", lambda gate, x: layers.gelu(gate) * x)


def change_rms_norm(patch: Patch, change: Callable[[mx.array, float], tuple[mx.array, float]]) -> None:
    """Normalise with weights and an epsilon that differ from those of the decoder's norms."""
    patch.setattr(
        nn.layers.normalization.RMSNorm,
        "__call__",
        lambda self, x: mx.fast.rms_norm(x, *change(self["weight"], self.eps)),
    )


@fault(
    "RMS epsilon",
    "fwd",
    "1e-5 in the code, 1e-6 in the configuration",
    kills=("parity",),
    source="PaddlePaddle/FastDeploy#2797",
    model=TINY_DECODER,
)
def rms_epsilon(patch: Patch) -> None:
    change_rms_norm(patch, lambda weight, _: (weight, 1e-5))


@fault(
    "norm weights raised by one",
    "fwd",
    "Gemma's way to scale a norm on a family that has another",
    kills=("parity", "hidden state parity"),
    model=TINY_DECODER,
)
def norm_weights_raised(patch: Patch) -> None:
    change_rms_norm(patch, lambda weight, eps: (1 + weight, eps))


@fault(
    "norm weights left out",
    "fwd",
    "layer norms shift and do not scale",
    kills=("parity", "hidden state parity"),
)
def norm_weights_left_out(patch: Patch) -> None:
    right = layers.layer_norm
    patch.setattr(
        encoder, "layer_norm", lambda x, weight, bias, eps: right(x, mx.ones_like(weight), bias, eps)
    )


@fault(
    "attention biases left out",
    "fwd",
    "queries, keys and values are projected without their biases",
    kills=("parity", "hidden state parity"),
    source="sbryngelson/ANEForge#253",
)
def biases_left_out(patch: Patch) -> None:
    right = bert.Bert.linear

    def linear(self: bert.Bert, name: str, x: mx.array) -> mx.array:
        return x @ self.weights[f"{name}.weight"].T if ".attention.self." in name else right(self, name, x)

    patch.setattr(bert.Bert, "linear", linear)


def compute_in(patch: Patch, precision: mx.Dtype) -> None:
    """Round the input and the output of each affine map of the encoder. Sums stay in float32."""
    right = layers.linear

    def kept(x: mx.array) -> mx.array:
        return x.astype(precision).astype(mx.float32)

    patch.setattr(encoder, "linear", lambda x, weight, bias: kept(right(kept(x), kept(weight), kept(bias))))


@fault(
    "float16 where float32 was meant",
    "fwd",
    "a float32 checkpoint is computed in half precision without being asked",
    kills=("parity", "hidden state parity", "topics parity"),
    source="vllm-project/vllm#18342",
)
def float16_forward(patch: Patch) -> None:
    compute_in(patch, mx.float16)


@fault(
    "bfloat16 where float32 was meant",
    "fwd",
    "a float32 checkpoint is computed in bfloat16 without being asked",
    kills=("parity", "hidden state parity", "topics parity"),
    source="jundot/omlx#3640",
)
def bfloat16_forward(patch: Patch) -> None:
    compute_in(patch, mx.bfloat16)


@fault(
    "gate and up exchanged",
    "fwd",
    "the activation is on the wrong half of a gated layer",
    kills=("parity", "hidden state parity"),
    source="aosama/astronomical#596",
    model=TINY_DECODER,
)
def gate_and_up_exchanged(patch: Patch) -> None:
    module = import_module("mlx_lm.models.qwen3")
    right = module.swiglu
    patch.setattr(module, "swiglu", lambda gate, x: right(x, gate))


@fault(
    "embeddings scaled by the width",
    "fwd",
    "by its root, as Gemma does, on a family that does not",
    kills=("parity", "hidden state parity"),
    source="ml-explore/mlx-swift-lm#60",
    model=TINY_DECODER,
)
def embeddings_scaled(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        right = trunk.embed_tokens
        trunk.embed_tokens = lambda ids: right(ids) * trunk.norm.weight.shape[0] ** 0.5

    change_trunk(patch, change)


@fault(
    "GELU of large numbers is NaN",
    "fwd",
    "above 10",
    kills=("finite", "parity"),
    source="huggingface/candle#1408",
)
def gelu_of_large_numbers(patch: Patch) -> None:
    right = layers.gelu
    patch.setattr(bert, "gelu", lambda x: mx.where(x > 10, mx.nan, right(x)))
