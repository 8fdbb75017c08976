"""Nomic BERT (Nussbaum et al. 2024, arXiv:2402.01613): the complete encoder, as in nomic-embed-text-v1.5.

It is BERT with rotations of queries and keys for positions, without biases, and with a gated feed-forward
part. Weights keep their names from the published checkpoint.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from embeddings.backend import mx
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.models.encoder import Encoder, EncoderConfig, norm_shapes
from embeddings.models.layers import attention, rope, silu

__all__ = ["NomicBert", "NomicBertConfig"]

_OLDER = {  # key of the published files -> key that transformers 5 writes
    "n_embd": "hidden_size",
    "n_layer": "num_hidden_layers",
    "n_head": "num_attention_heads",
    "n_inner": "intermediate_size",
    "layer_norm_epsilon": "layer_norm_eps",
    "rotary_emb_base": "rope_theta",
}


@dataclass(frozen=True)
class NomicBertConfig(EncoderConfig):
    """The keys of config.json that define the model, by the names of transformers 5."""

    fixed: ClassVar = {
        "model_type": "nomic_bert",
        "activation_function": "swiglu",
        "hidden_act": "silu",
        "causal": False,
        "mlp_fc1_bias": False,
        "mlp_fc2_bias": False,
        "parallel_block": False,
        "prenorm": False,
        "qkv_proj_bias": False,
        "rotary_emb_fraction": 1.0,
        "rotary_emb_interleaved": False,
        "rotary_emb_scale_base": None,
        "rotary_scaling_factor": None,
        "scale_attn_by_inverse_layer_idx": False,
        "scale_attn_weights": True,
        "use_rms_norm": False,
    }
    harmless: ClassVar = EncoderConfig.harmless | frozenset(  # training, kernels, heads
        "attn_pdrop dense_seq_output embd_pdrop fused_bias_fc fused_dropout_add_ln "
        "max_trained_positions pad_vocab_size_multiple parallel_block_tied_norm reorder_and_upcast_attn "
        "resid_pdrop summary_activation summary_first_dropout summary_proj_to_labels summary_type "
        "summary_use_proj use_flash_attn use_xentropy".split()
    )

    type_vocab_size: int
    layer_norm_eps: float
    rope_theta: float
    head_dim: int | None

    @classmethod
    def in_one_spelling(cls, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys of config.json in the spelling of the fields.

        The longest text is that of ``n_positions`` if it is there: rotations have no table that could end.
        """
        one = {"head_dim": None, **declared}
        one["max_position_embeddings"] = one.pop("n_positions", None) or one.get("max_position_embeddings")
        rope = one.pop("rope_parameters", None) or {}
        if rope.get("rope_type", "default") != "default" or not rope.keys() <= {"rope_type", "rope_theta"}:
            raise UnsupportedModel(
                where, f"rope_parameters {rope!r} is not supported", hint="use a model without scaling"
            )
        spellings = [(older, key, one.pop(older)) for older, key in _OLDER.items() if older in one]
        spellings += [("rope_parameters", key, rope[key]) for key in rope if key == "rope_theta"]
        for older, key, value in spellings:
            if one.setdefault(key, value) != value:
                raise DamagedModel(
                    where, f"{older} {value!r} contradicts {key} {one[key]!r}", hint="correct the file"
                )
        return one

    def check(self, where: Path) -> None:
        """Refuse sizes that cannot be, and heads of another width than usual."""
        super().check(where)
        if self.head_dim not in (None, self.hidden_size // self.num_attention_heads):
            raise UnsupportedModel(
                where,
                f"head_dim must be hidden_size / num_attention_heads, got {self.head_dim}",
                hint="use a model without it",
            )


class NomicBert(Encoder):
    """The encoder: token ids to hidden states."""

    config: NomicBertConfig
    reads = NomicBertConfig

    @staticmethod
    def shapes(config: NomicBertConfig) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        width, inner = config.hidden_size, config.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (config.vocab_size, width),
            "embeddings.token_type_embeddings.weight": (config.type_vocab_size, width),
        }
        norms = ["emb_ln"]
        for index in range(config.num_hidden_layers):
            layer = f"encoder.layers.{index}"
            shapes |= {
                f"{layer}.attn.Wqkv.weight": (3 * width, width),
                f"{layer}.attn.out_proj.weight": (width, width),
                f"{layer}.mlp.fc11.weight": (inner, width),
                f"{layer}.mlp.fc12.weight": (inner, width),
                f"{layer}.mlp.fc2.weight": (width, inner),
            }
            norms += [f"{layer}.norm1", f"{layer}.norm2"]
        return shapes | norm_shapes(norms, width)

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        x = self.rows("embeddings.word_embeddings", ids)
        x = self.norm("emb_ln", x + self.rows("embeddings.token_type_embeddings", mx.array([0])))
        mask = self.attention_mask(ids.shape[1], lengths)
        for index in range(self.config.num_hidden_layers):
            layer = f"encoder.layers.{index}"
            x = self.norm(f"{layer}.norm1", x + self.attend(f"{layer}.attn", x, mask))
            x = self.norm(f"{layer}.norm2", x + self.feed_forward(f"{layer}.mlp", x))
        return x

    def attend(self, name: str, x: mx.array, mask: mx.array) -> mx.array:
        """Compute multi-head self-attention of x: (B, T, D) -> (B, T, D)."""
        queries, keys, values = (
            self.split(part, self.config.num_attention_heads)
            for part in self.linear(f"{name}.Wqkv", x).split(3, axis=-1)
        )
        queries, keys = (rope(part, self.config.rope_theta) for part in (queries, keys))
        mixed = attention(queries, keys, values, scale=queries.shape[-1] ** -0.5, mask=mask)
        return self.linear(f"{name}.out_proj", self.join(mixed))

    def feed_forward(self, name: str, x: mx.array) -> mx.array:
        """Compute the gated feed-forward part: (B, T, D) -> (B, T, D)."""
        gate = silu(self.linear(f"{name}.fc12", x))
        return self.linear(f"{name}.fc2", self.linear(f"{name}.fc11", x) * gate)
