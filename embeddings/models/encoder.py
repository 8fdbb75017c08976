"""What all encoders share: the reading of config.json, and layers by the names of their weights.

An encoder lets each token read the whole text. Each architecture is one file beside this one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from embeddings.backend import mx
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import ModelFolder, account, typed
from embeddings.models.layers import layer_norm, linear

__all__ = ["HARMLESS", "Encoder", "EncoderConfig"]

HARMLESS = frozenset(  # training, bookkeeping, heads that an embedding model does not have
    "_name_or_path architectures attention_probs_dropout_prob bos_token_id classifier_dropout dtype "
    "eos_token_id gradient_checkpointing hidden_dropout_prob id2label initializer_range label2id "
    "pad_token_id torch_dtype transformers_version use_cache".split()
)


@dataclass(frozen=True)
class EncoderConfig:
    """The keys of config.json that define an encoder. Each architecture adds its own.

    fixed: key -> the one value that the architecture's file implements.
    harmless: keys that do not affect the hidden states.
    """

    fixed: ClassVar[Mapping[str, Any]] = {}
    harmless: ClassVar[frozenset[str]] = HARMLESS

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings

    @classmethod
    def read(cls, folder: ModelFolder) -> Self:
        """Read config.json.

        Raises:
            DamagedModel: the file or one of its keys is missing or malformed.
            UnsupportedModel: a key is unknown, or has an unsupported value.

        """
        where, declared = folder.path / "config.json", folder.mapping("config.json")
        handled = {field.name: field.type for field in fields(cls)}
        account(where, declared, handled=handled, harmless=cls.harmless, fixed=cls.fixed)
        config = cls(**{name: typed(where, declared, name, kind) for name, kind in handled.items()})  # type: ignore[arg-type]
        config.check(where)
        return config

    def check(self, where: Path) -> None:
        """Refuse sizes that cannot be.

        Raises:
            DamagedModel: a size is less than 1.
            UnsupportedModel: the heads do not share the width out evenly.

        """
        for field in fields(self):
            if field.type is int and getattr(self, field.name) < 1:
                raise DamagedModel(
                    where,
                    f"{field.name} must be at least 1, got {getattr(self, field.name)}",
                    hint="correct the file",
                )
        if self.hidden_size % self.num_attention_heads:
            raise UnsupportedModel(
                where,
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads "
                f"{self.num_attention_heads}",
                hint="correct the file",
            )


class Encoder:
    """An encoder: token ids to hidden states.

    reads: the class that reads its config.json.
    unused: weights that its checkpoints may hold and that do not affect the hidden states.
    prefix: what some checkpoints put before the name of each weight.
    """

    reads: ClassVar[type[EncoderConfig]]
    unused: ClassVar[frozenset[str]] = frozenset()
    prefix: ClassVar[str] = ""
    small_batches_are_cheap = True  # two batches of half the size take little more work than one

    def __init__(self, config: EncoderConfig, weights: Mapping[str, mx.array]) -> None:
        self.config = config
        self.weights = weights

    def with_weights(self, weights: Mapping[str, mx.array]) -> Self:
        """Return the same encoder with other weights."""
        return type(self)(self.config, weights)

    @staticmethod
    def shapes(config: Any) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        raise NotImplementedError

    def __call__(self, ids: mx.array, lengths: mx.array) -> mx.array:
        """Compute hidden states (B, T, D) from token ids (B, T), padded on the right, and lengths (B,)."""
        raise NotImplementedError

    def attention_mask(self, longest: int, lengths: mx.array) -> mx.array:
        """Return the mask (B, 1, 1, T): True if a key is a real token, False if it is padding."""
        return (mx.arange(longest)[None, :] < lengths[:, None])[:, None, None, :]

    def split(self, x: mx.array, heads: int) -> mx.array:
        """Give each head its part of the width: (B, T, H * D) -> (B, H, T, D)."""
        batch, length, width = x.shape
        return x.reshape(batch, length, heads, width // heads).swapaxes(1, 2)

    def join(self, x: mx.array) -> mx.array:
        """Undo ``split``: (B, H, T, D) -> (B, T, H * D)."""
        batch, heads, length, width = x.shape
        return x.swapaxes(1, 2).reshape(batch, length, heads * width)

    def linear(self, name: str, x: mx.array) -> mx.array:
        """Apply the affine map of that name: (..., I) -> (..., O)."""
        return linear(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def norm(self, name: str, x: mx.array) -> mx.array:
        """Apply the layer normalisation of that name: (..., D) -> (..., D)."""
        eps: float = self.config.layer_norm_eps  # type: ignore[attr-defined]
        return layer_norm(x, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"], eps)
