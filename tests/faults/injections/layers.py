"""The arithmetic of the layers."""

from typing import Any

from embeddings.blas import mx
from embeddings.models import bert, layers
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_trunk,
)

fault = faults_of("layers")


@fault(
    "tanh GELU",
    "fwd",
    "the tanh approximation in place of the exact function",
    kills=("parity", "hidden state parity", "topics parity"),
)
def tanh_gelu(patch: Patch) -> None:
    def gelu(x: mx.array) -> mx.array:
        return 0.5 * x * (1 + mx.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

    patch.setattr(bert, "gelu", gelu)


@fault(
    "layer-norm epsilon",
    "fwd",
    "1e-5, the default of most frameworks, where 1e-12 was trained",
    kills=("parity", "hidden state parity"),
)
def layer_norm_epsilon(patch: Patch) -> None:
    right = layers.layer_norm
    patch.setattr(bert, "layer_norm", lambda x, weight, bias, _: right(x, weight, bias, 1e-5))


@fault(
    "fp16 overflow",
    "fwd",
    "large activations overflow in half precision: NaN for some texts",
    kills=("finite", "norm", "parity"),
    source="QwenLM/Qwen3-Embedding#164",
)
def overflow(patch: Patch) -> None:
    right = layers.gelu

    # Each text's largest activation is 22 to 25; scaled so, those above 24.53 pass fp16's 65,504.
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
