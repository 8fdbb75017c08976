"""BERT (Devlin et al. 2018, arXiv:1810.04805): the complete encoder.

Weights keep their names from the checkpoint, so a reader can follow each weight from the file to its use.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields

from embeddings.backend import mx
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import MOST_LAYERS, ModelFolder, account, typed
from embeddings.models.layers import attention, gelu, layer_norm, linear

__all__ = ["Bert", "BertConfig"]

_FIXED = {  # this file implements only these values
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "chunk_size_feed_forward": 0,
}
_HARMLESS = frozenset(  # training, bookkeeping, heads that an embedding model does not have
    "_name_or_path architectures attention_probs_dropout_prob bos_token_id classifier_dropout dtype "
    "eos_token_id gradient_checkpointing hidden_dropout_prob id2label initializer_range label2id "
    "pad_token_id torch_dtype transformers_version use_cache".split()
)


@dataclass(frozen=True)
class BertConfig:
    """The keys of config.json that define the model."""

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    type_vocab_size: int
    layer_norm_eps: float

    @classmethod
    def read(cls, folder: ModelFolder) -> "BertConfig":
        """Read config.json.

        Raises:
            DamagedModel: the file or one of its keys is missing or malformed.
            UnsupportedModel: a key is unknown, or has a value that this file does not implement.

        """
        where, declared = folder.path / "config.json", folder.mapping("config.json")
        handled = {field.name: field.type for field in fields(cls)}
        account(where, declared, handled=handled, harmless=_HARMLESS, fixed=_FIXED)
        config = cls(**{name: typed(where, declared, name, kind) for name, kind in handled.items()})  # type: ignore[arg-type]
        for name, kind in handled.items():
            if kind is int and getattr(config, name) < 1:
                raise DamagedModel(
                    where, f"{name} must be at least 1, got {getattr(config, name)}", hint="correct the file"
                )
        if config.num_hidden_layers > MOST_LAYERS:
            raise UnsupportedModel(
                where, f"num_hidden_layers must be at most {MOST_LAYERS:,}", hint="correct the file"
            )
        if config.hidden_size % config.num_attention_heads:
            raise UnsupportedModel(
                where,
                f"hidden_size {config.hidden_size} is not a multiple of num_attention_heads "
                f"{config.num_attention_heads}",
                hint="correct the file",
            )
        return config


class Bert:
    """The encoder: token ids to hidden states."""

    unused = frozenset({"embeddings.position_ids", "pooler.dense.weight", "pooler.dense.bias"})
    small_batches_are_cheap = True  # two batches of half the size take little more work than one

    def __init__(self, config: BertConfig, weights: Mapping[str, mx.array]) -> None:
        self.config = config
        self.weights = weights

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
            for name, out, into in (
                ("attention.self.query", width, width),
                ("attention.self.key", width, width),
                ("attention.self.value", width, width),
                ("attention.output.dense", width, width),
                ("intermediate.dense", inner, width),
                ("output.dense", width, inner),
            ):
                shapes[f"{layer}.{name}.weight"] = (out, into)
                shapes[f"{layer}.{name}.bias"] = (out,)
            norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for norm in norms:
            shapes[f"{norm}.weight"] = shapes[f"{norm}.bias"] = (width,)
        return shapes

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
        tables = "embeddings.{}_embeddings.weight"
        x = self.weights[tables.format("word")][ids]
        x = x + self.weights[tables.format("position")][: ids.shape[1]]
        x = x + self.weights[tables.format("token_type")][0]
        return self.norm("embeddings.LayerNorm", x)

    def attention_mask(self, longest: int, lengths: mx.array) -> mx.array | None:
        """Return the mask (B, 1, 1, T): True if a key is a real token, False if it is padding."""
        return (mx.arange(longest)[None, :] < lengths[:, None])[:, None, None, :]

    def attend(self, layer: str, x: mx.array, mask: mx.array | None) -> mx.array:
        """Compute multi-head self-attention of x: (B, T, D) -> (B, T, D)."""
        batch, length, width = x.shape
        heads = self.config.num_attention_heads

        def split(name: str) -> mx.array:  # (B, T, D) -> (B, H, T, D/H)
            projected = self.linear(f"{layer}.attention.self.{name}", x)
            return projected.reshape(batch, length, heads, width // heads).swapaxes(1, 2)

        mixed = attention(
            split("query"), split("key"), split("value"), scale=(width // heads) ** -0.5, mask=mask
        )
        return self.linear(
            f"{layer}.attention.output.dense", mixed.swapaxes(1, 2).reshape(batch, length, width)
        )

    def linear(self, name: str, x: mx.array) -> mx.array:
        """Apply the affine map of that name: (..., I) -> (..., O)."""
        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name: str, x: mx.array) -> mx.array:
        """Apply the layer normalisation of that name: (..., D) -> (..., D)."""
        return layer_norm(
            x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], self.config.layer_norm_eps
        )
