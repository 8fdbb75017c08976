"""ModernBERT (Warner et al. 2024, arXiv:2412.13663): the complete encoder, as in gte-modernbert-base.

Most layers read only a window around each token. Norms come before the layers. Positions are rotations of
queries and keys. Weights keep their names from the checkpoint.
"""

from dataclasses import dataclass
from typing import ClassVar

from embeddings.backend import mx
from embeddings.models.layers import attention, gelu, rope
from embeddings.models.local_attention import FULL, LOCAL, LocalConfig, LocalEncoder

__all__ = ["ModernBert", "ModernBertConfig"]


@dataclass(frozen=True)
class ModernBertConfig(LocalConfig):
    """The keys of config.json that define the model."""

    fixed: ClassVar = {
        "model_type": "modernbert",
        "hidden_activation": "gelu",
        "attention_bias": False,
        "mlp_bias": False,
        "norm_bias": False,
        "rope_scaling": None,
    }
    harmless: ClassVar = LocalConfig.harmless | frozenset(  # heads, training, and keys that have no use
        "attention_dropout classifier_activation classifier_bias classifier_pooling cls_token_id "
        "decoder_bias deterministic_flash_attn embedding_dropout initializer_cutoff_factor layer_norm_eps "
        "mlp_dropout position_embedding_type reference_compile repad_logits_with_grad "
        "sparse_pred_ignore_index sparse_prediction".split()
    )

    pattern: ClassVar = "global_attn_every_n_layers"
    first_full: ClassVar = 0
    thetas: ClassVar = {FULL: "global_rope_theta", LOCAL: "local_rope_theta"}
    window: ClassVar = "local_attention"

    norm_eps: float
    local_attention: int
    global_rope_theta: float
    local_rope_theta: float

    @property
    def eps(self) -> float:
        """The number that the norms add to a variance."""
        return self.norm_eps


class ModernBert(LocalEncoder):
    """The encoder: token ids to hidden states."""

    config: ModernBertConfig
    reads = ModernBertConfig
    prefix = "model."

    @staticmethod
    def shapes(config: ModernBertConfig) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        width, inner = config.hidden_size, config.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.tok_embeddings.weight": (config.vocab_size, width),
            "embeddings.norm.weight": (width,),
            "final_norm.weight": (width,),
        }
        for index in range(config.num_hidden_layers):
            layer = f"layers.{index}"
            if index:  # the first layer has no norm before its attention
                shapes[f"{layer}.attn_norm.weight"] = (width,)
            shapes |= {
                f"{layer}.attn.Wqkv.weight": (3 * width, width),
                f"{layer}.attn.Wo.weight": (width, width),
                f"{layer}.mlp_norm.weight": (width,),
                f"{layer}.mlp.Wi.weight": (2 * inner, width),
                f"{layer}.mlp.Wo.weight": (width, inner),
            }
        return shapes

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        x = self.norm("embeddings.norm", self.rows("embeddings.tok_embeddings", ids))
        masks = self.masks(ids.shape[1], lengths)
        for index, kind in enumerate(self.config.layer_types):
            layer = f"layers.{index}"
            normed = self.norm(f"{layer}.attn_norm", x) if index else x
            x = x + self.attend(f"{layer}.attn", normed, masks[kind], theta=self.theta(kind))
            x = x + self.feed_forward(f"{layer}.mlp", self.norm(f"{layer}.mlp_norm", x))
        return self.norm("final_norm", x)

    def attend(self, name: str, x: mx.array, mask: mx.array, *, theta: float) -> mx.array:
        """Compute multi-head self-attention of x: (B, T, D) -> (B, T, D)."""
        queries, keys, values = (
            self.split(part, self.config.num_attention_heads)
            for part in self.linear(f"{name}.Wqkv", x).split(3, axis=-1)
        )
        queries, keys = rope(queries, theta), rope(keys, theta)
        mixed = attention(queries, keys, values, scale=queries.shape[-1] ** -0.5, mask=mask)
        return self.linear(f"{name}.Wo", self.join(mixed))

    def feed_forward(self, name: str, x: mx.array) -> mx.array:
        """Compute the gated feed-forward part: (B, T, D) -> (B, T, D). The first half of Wi is activated."""
        activated, gate = self.linear(f"{name}.Wi", x).split(2, axis=-1)
        # One layout, because a fused function has a loop for each.
        return self.linear(f"{name}.Wo", gelu(mx.contiguous(activated)) * gate)
