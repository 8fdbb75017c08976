"""The arithmetic of Gemma 3."""

from typing import Any

from embeddings.backend import mx
from embeddings.models import gemma3, layers
from tests.faults.families.declare import GEMMA, fault, harmless
from tests.faults.registry import Patch


def _scale_embeddings(patch: Patch, factor: float) -> None:
    right = gemma3.Gemma3.embed
    patch.setattr(gemma3.Gemma3, "embed", lambda self, ids: right(self, ids) * factor)


@fault(GEMMA, "embeddings not scaled", "huggingface/transformers#37109")
def unscaled(patch: Patch) -> None:
    _scale_embeddings(patch, 32**-0.5)


@fault(GEMMA, "embeddings scaled twice", "TensorAuto/OpenTau#179")
def scaled_twice(patch: Patch) -> None:
    _scale_embeddings(patch, 32**0.5)


@fault(GEMMA, "scale rounded to bfloat16", "huggingface/transformers#29402")
def rounded_scale(patch: Patch) -> None:
    _scale_embeddings(patch, float(mx.array(32**0.5, mx.bfloat16)) / 32**0.5)


@fault(GEMMA, "norms without the 1", "NeuraLegion/shainet#176")
def no_offset(patch: Patch) -> None:
    def norm(self: Any, name: str, x: mx.array) -> mx.array:
        return layers.rms_norm(x, self.weights[f"{name}.weight"], self.config.eps)

    patch.setattr(gemma3.Gemma3, "norm", norm)


@fault(GEMMA, "exact GELU", "huggingface/transformers#29402")
def exact_gelu(patch: Patch) -> None:
    patch.setattr(gemma3, "gelu_tanh", layers.gelu)


def _skip_norms(patch: Patch, *endings: str) -> None:
    right = gemma3.Gemma3.norm
    patch.setattr(
        gemma3.Gemma3,
        "norm",
        lambda self, name, x: x if name.endswith(endings) else right(self, name, x),
    )


@fault(GEMMA, "queries and keys not normalised")
def no_key_norm(patch: Patch) -> None:
    _skip_norms(patch, "q_norm", "k_norm")


@fault(GEMMA, "no norms after the layers' parts")
def no_post_norms(patch: Patch) -> None:
    _skip_norms(patch, "post_attention_layernorm", "post_feedforward_layernorm")


@fault(GEMMA, "scores scaled by the width of a head")
def head_scale(patch: Patch) -> None:
    right = layers.attention
    patch.setattr(gemma3, "attention", lambda *parts, scale, mask: right(*parts, scale=16**-0.5, mask=mask))  # noqa: ARG005


@fault(GEMMA, "groups of queries share the wrong keys")
def tiled_keys(patch: Patch) -> None:
    right = layers.attention

    def attention(queries: mx.array, keys: mx.array, values: mx.array, **options: Any) -> mx.array:
        return right(queries, keys[:, [0, 2, 1, 3]], values[:, [0, 2, 1, 3]], **options)

    patch.setattr(gemma3, "attention", attention)


@harmless(GEMMA, "norms by their formula")
def norm_by_formula(patch: Patch) -> None:
    def rms_norm(x: mx.array, weight: mx.array, eps: float) -> mx.array:
        return x * mx.rsqrt(mx.square(x).mean(axis=-1, keepdims=True) + eps) * weight

    patch.setattr(gemma3, "rms_norm", rms_norm)
