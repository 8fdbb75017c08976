"""BERT (Devlin et al. 2018, arXiv:1810.04805): the complete encoder.

Weights keep their names from the checkpoint, so a reader can follow each weight from the file to its use.
"""

from dataclasses import dataclass
from typing import ClassVar

from embeddings.backend import mx
from embeddings.models.encoder import POOLER, Encoder, EncoderConfig, affine_shapes, norm_shapes
from embeddings.models.layers import attention, gelu

__all__ = ["Bert", "BertConfig"]


@dataclass(frozen=True)
class BertConfig(EncoderConfig):
    """The keys of config.json that define the model."""

    fixed: ClassVar = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "position_embedding_type": "absolute",
        "is_decoder": False,
        "add_cross_attention": False,
        "chunk_size_feed_forward": 0,
        "directionality": "bidi",
        "uniem_embedding_strategy": "last_mean",  # M3E: last layer, and the mean that 1_Pooling says
    }
    harmless: ClassVar = EncoderConfig.harmless | frozenset(  # the pooler, which is not used
        "pooler_fc_size pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head "
        "pooler_type".split()
    )

    type_vocab_size: int
    layer_norm_eps: float


class Bert(Encoder):
    """The encoder: token ids to hidden states."""

    config: BertConfig
    reads = BertConfig
    unused = POOLER | {"embeddings.position_ids"}

    @staticmethod
    def shapes(config: BertConfig) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        width, inner = config.hidden_size, config.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (config.vocab_size, width),
            "embeddings.position_embeddings.weight": (config.max_position_embeddings, width),
            "embeddings.token_type_embeddings.weight": (config.type_vocab_size, width),
        }
        norms = ["embeddings.LayerNorm"]
        for index in range(config.num_hidden_layers):
            layer = f"encoder.layer.{index}"
            shapes |= affine_shapes(
                {
                    f"{layer}.attention.self.query": (width, width),
                    f"{layer}.attention.self.key": (width, width),
                    f"{layer}.attention.self.value": (width, width),
                    f"{layer}.attention.output.dense": (width, width),
                    f"{layer}.intermediate.dense": (inner, width),
                    f"{layer}.output.dense": (width, inner),
                }
            )
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        return shapes | norm_shapes(norms, width)

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        x = self.embed(ids)
        mask = self.attention_mask(ids.shape[1], lengths)
        for index in range(self.config.num_hidden_layers):
            layer = f"encoder.layer.{index}"
            x = self.norm(f"{layer}.attention.output.LayerNorm", x + self.attend(layer, x, mask))
            inner = gelu(self.linear(f"{layer}.intermediate.dense", x))
            x = self.norm(f"{layer}.output.LayerNorm", x + self.linear(f"{layer}.output.dense", inner))
        return x

    def embed(self, ids: mx.array) -> mx.array:
        """Add word, position and token type embeddings, then normalise: (B, T) -> (B, T, D).

        The token type is always 0, because there is one segment.
        """
        x = self.rows("embeddings.word_embeddings", ids) + self.position_embeddings(ids)
        x = x + self.rows("embeddings.token_type_embeddings", mx.array([0]))
        return self.norm("embeddings.LayerNorm", x)

    def position_embeddings(self, ids: mx.array) -> mx.array:
        """Return the embeddings of the positions 0, 1, 2 and so on: ids (B, T) -> (T, D)."""
        return self.rows("embeddings.position_embeddings", mx.arange(ids.shape[1]))

    def attend(self, layer: str, x: mx.array, mask: mx.array | None) -> mx.array:
        """Compute multi-head self-attention of x: (B, T, D) -> (B, T, D)."""
        heads = self.config.num_attention_heads
        queries, keys, values = (
            self.split(self.linear(f"{layer}.attention.self.{name}", x), heads)
            for name in ("query", "key", "value")
        )
        mixed = attention(queries, keys, values, scale=queries.shape[-1] ** -0.5, mask=mask)
        return self.linear(f"{layer}.attention.output.dense", self.join(mixed))
