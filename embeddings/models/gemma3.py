"""Gemma 3 text (Google 2025, arXiv:2503.19786) with attention in both directions, as in EmbeddingGemma.

mlx-lm has Gemma 3 too, but it rounds the scale of the embeddings to bfloat16, and its attention is causal.
Weights keep their names from the checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from embeddings.backend import mx
from embeddings.errors import UnsupportedModel
from embeddings.models.layers import attention, gelu_tanh, rms_norm, rope
from embeddings.models.local_attention import FULL, LOCAL, LocalConfig, LocalEncoder

__all__ = ["Gemma3", "Gemma3Config"]


@dataclass(frozen=True)
class Gemma3Config(LocalConfig):
    """The keys of config.json that define the model."""

    fixed: ClassVar = {
        "model_type": "gemma3_text",
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "attn_logit_softcapping": None,
        "rope_scaling": None,
        "use_bidirectional_attention": True,
    }
    harmless: ClassVar = LocalConfig.harmless | {
        "attention_dropout",
        "cache_implementation",
        "final_logit_softcapping",  # of the head
    }

    pattern: ClassVar = "sliding_window_pattern"  # some files have an underscore before it
    first_full: ClassVar = -1
    thetas: ClassVar = {FULL: "rope_theta", LOCAL: "rope_local_base_freq"}
    window: ClassVar = "sliding_window"

    num_key_value_heads: int
    head_dim: int
    query_pre_attn_scalar: int
    rms_norm_eps: float
    sliding_window: int
    rope_theta: float
    rope_local_base_freq: float

    @property
    def eps(self) -> float:
        """The number that the norms add to a mean square."""
        return self.rms_norm_eps

    @classmethod
    def in_one_spelling(cls, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys of config.json in the spelling of the fields."""
        if "use_bidirectional_attention" not in declared:
            raise UnsupportedModel(
                where,
                "Gemma 3 without use_bidirectional_attention is causal, and so it is not supported",
                hint="use EmbeddingGemma, or a model that was tuned from it",
            )
        one = dict(declared)
        if f"_{cls.pattern}" in one:
            one[cls.pattern] = one.pop(f"_{cls.pattern}")
        return super().in_one_spelling(where, one)

    def check(self, where: Path) -> None:
        """Refuse sizes that cannot be."""
        super().check(where)
        if self.num_attention_heads % self.num_key_value_heads:
            raise UnsupportedModel(
                where,
                f"num_attention_heads {self.num_attention_heads} is not a multiple of num_key_value_heads "
                f"{self.num_key_value_heads}",
                hint="correct the file",
            )


class Gemma3(LocalEncoder):
    """The encoder: token ids to hidden states."""

    config: Gemma3Config
    reads = Gemma3Config
    prefix = "model."

    @staticmethod
    def shapes(config: Gemma3Config) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        width, inner, head = config.hidden_size, config.intermediate_size, config.head_dim
        queries, keys = config.num_attention_heads * head, config.num_key_value_heads * head
        shapes: dict[str, tuple[int, ...]] = {
            "embed_tokens.weight": (config.vocab_size, width),
            "norm.weight": (width,),
        }
        for index in range(config.num_hidden_layers):
            parts: dict[str, tuple[int, ...]] = {
                "input_layernorm": (width,),
                "self_attn.q_proj": (queries, width),
                "self_attn.k_proj": (keys, width),
                "self_attn.v_proj": (keys, width),
                "self_attn.o_proj": (width, queries),
                "self_attn.q_norm": (head,),
                "self_attn.k_norm": (head,),
                "post_attention_layernorm": (width,),
                "pre_feedforward_layernorm": (width,),
                "mlp.gate_proj": (inner, width),
                "mlp.up_proj": (inner, width),
                "mlp.down_proj": (width, inner),
                "post_feedforward_layernorm": (width,),
            }
            shapes |= {f"layers.{index}.{name}.weight": shape for name, shape in parts.items()}
        return shapes

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        x = self.embed(ids)
        masks = self.masks(ids.shape[1], lengths)
        for index, kind in enumerate(self.config.layer_types):
            layer = f"layers.{index}"
            normed = self.norm(f"{layer}.input_layernorm", x)
            mixed = self.attend(f"{layer}.self_attn", normed, masks[kind], theta=self.theta(kind))
            x = x + self.norm(f"{layer}.post_attention_layernorm", mixed)
            inner = self.feed_forward(f"{layer}.mlp", self.norm(f"{layer}.pre_feedforward_layernorm", x))
            x = x + self.norm(f"{layer}.post_feedforward_layernorm", inner)
        return self.norm("norm", x)

    def embed(self, ids: mx.array) -> mx.array:
        """Return the embeddings, scaled by the root of the width: (B, T) -> (B, T, D)."""
        scale: float = self.config.hidden_size**0.5
        return self.rows("embed_tokens", ids) * scale

    def attend(self, name: str, x: mx.array, mask: mx.array, *, theta: float) -> mx.array:
        """Compute self-attention of x, with groups of queries that share keys: (B, T, D) -> (B, T, D)."""
        heads, key_heads = self.config.num_attention_heads, self.config.num_key_value_heads
        queries = self.norm(f"{name}.q_norm", self.split(self.linear(f"{name}.q_proj", x), heads))
        keys = self.norm(f"{name}.k_norm", self.split(self.linear(f"{name}.k_proj", x), key_heads))
        values = self.split(self.linear(f"{name}.v_proj", x), key_heads)
        mixed = attention(
            rope(queries, theta),
            mx.repeat(rope(keys, theta), heads // key_heads, axis=1),
            mx.repeat(values, heads // key_heads, axis=1),
            scale=self.config.query_pre_attn_scalar**-0.5,
            mask=mask,
        )
        return self.linear(f"{name}.o_proj", self.join(mixed))

    def feed_forward(self, name: str, x: mx.array) -> mx.array:
        """Compute the gated feed-forward part: (B, T, D) -> (B, T, D)."""
        gate = gelu_tanh(self.linear(f"{name}.gate_proj", x))
        return self.linear(f"{name}.down_proj", gate * self.linear(f"{name}.up_proj", x))

    def norm(self, name: str, x: mx.array) -> mx.array:
        """Apply the RMS norm of that name: (..., D) -> (..., D). The checkpoint holds its scale minus 1."""
        scale = 1 + self.weights[f"{name}.weight"].astype(mx.float32)
        return rms_norm(x, scale, self.config.eps)
