"""MPNet (Song et al. 2020, arXiv:2004.09297): the complete encoder, as in all-mpnet-base-v2.

It is BERT without token types, with positions that begin at 2, and with a bias of the attention scores for
each relative position. Weights keep their names from the checkpoint.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from embeddings.backend import mx
from embeddings.models.encoder import POOLER, Encoder, EncoderConfig, affine_shapes, norm_shapes
from embeddings.models.layers import attention, fairseq_positions, gelu

__all__ = ["MPNet", "MPNetConfig"]

PADDING = 1  # the id of the padding token. Its position is 1 too, so the first token has position 2
BUCKETS = 32  # relative positions share this many biases. transformers ignores any other number
FAR = 128  # relative positions of this distance and more share one bias on each side


@dataclass(frozen=True)
class MPNetConfig(EncoderConfig):
    """The keys of config.json that define the model."""

    fixed: ClassVar = {
        "model_type": "mpnet",
        "hidden_act": "gelu",
        "pad_token_id": PADDING,
        "relative_attention_num_buckets": BUCKETS,
    }

    layer_norm_eps: float

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings - PADDING - 1


class MPNet(Encoder):
    """The encoder: token ids to hidden states."""

    config: MPNetConfig
    reads = MPNetConfig
    unused = POOLER | {"embeddings.position_ids"}
    prefix = "mpnet."

    @staticmethod
    def shapes(config: MPNetConfig) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        width, inner = config.hidden_size, config.intermediate_size
        shapes: dict[str, tuple[int, ...]] = {
            "embeddings.word_embeddings.weight": (config.vocab_size, width),
            "embeddings.position_embeddings.weight": (config.max_position_embeddings, width),
            "encoder.relative_attention_bias.weight": (BUCKETS, config.num_attention_heads),
        }
        norms = ["embeddings.LayerNorm"]
        for index in range(config.num_hidden_layers):
            layer = f"encoder.layer.{index}"
            shapes |= affine_shapes(
                {
                    **{f"{layer}.attention.attn.{part}": (width, width) for part in "qkvo"},
                    f"{layer}.intermediate.dense": (inner, width),
                    f"{layer}.output.dense": (width, inner),
                }
            )
            norms += [f"{layer}.attention.LayerNorm", f"{layer}.output.LayerNorm"]
        return shapes | norm_shapes(norms, width)

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        x = self.embed(ids)
        bias = mx.where(self.attention_mask(ids.shape[1], lengths), self.position_bias(ids.shape[1]), -mx.inf)
        for index in range(self.config.num_hidden_layers):
            layer = f"encoder.layer.{index}"
            x = self.norm(f"{layer}.attention.LayerNorm", x + self.attend(layer, x, bias))
            inner = gelu(self.linear(f"{layer}.intermediate.dense", x))
            x = self.norm(f"{layer}.output.LayerNorm", x + self.linear(f"{layer}.output.dense", inner))
        return x

    def embed(self, ids: mx.array) -> mx.array:
        """Add word and position embeddings, then normalise: (B, T) -> (B, T, D)."""
        x = self.rows("embeddings.word_embeddings", ids)
        x = x + self.rows("embeddings.position_embeddings", fairseq_positions(ids, PADDING))
        return self.norm("embeddings.LayerNorm", x)

    def position_bias(self, length: int) -> mx.array:
        """Return what is added to the attention scores: (H, T, T), from the query (row) to the key."""
        steps = np.arange(length)
        of_pair = buckets(steps[None, :] - steps[:, None])
        return self.rows("encoder.relative_attention_bias", mx.array(of_pair)).transpose(2, 0, 1)

    def attend(self, layer: str, x: mx.array, bias: mx.array) -> mx.array:
        """Compute multi-head self-attention of x: (B, T, D) -> (B, T, D)."""
        heads = self.config.num_attention_heads
        queries, keys, values = (
            self.split(self.linear(f"{layer}.attention.attn.{name}", x), heads) for name in "qkv"
        )
        mixed = attention(queries, keys, values, scale=queries.shape[-1] ** -0.5, mask=bias)
        return self.linear(f"{layer}.attention.attn.o", self.join(mixed))


def buckets(distances: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the bucket of each relative position (key minus query): any shape -> the same shape.

    Half of the buckets are for keys after the query. In each half the first half of the buckets are single
    distances. The others grow by a constant factor up to FAR (Raffel et al. 2020, arXiv:1910.10683).
    """
    half, single = BUCKETS // 2, BUCKETS // 4
    far = np.abs(distances)
    steps = np.log(np.maximum(far, single) / single) / np.log(FAR / single) * (half - single)
    grown = np.minimum(single + steps.astype(np.int64), half - 1)
    found: NDArray[np.int64] = np.where(distances > 0, half, 0) + np.where(far < single, far, grown)
    return found
