"""What all encoders share: the reading of config.json, and layers by the names of their weights.

An encoder lets each token read the whole text. Each architecture is one file beside this one.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, ClassVar, Self

from embeddings.backend import mx
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import MOST_LAYERS, ModelFolder, account, typed
from embeddings.models import config_keys
from embeddings.models.layers import layer_norm, linear
from embeddings.models.quantization import Packing, Quantization
from embeddings.models.quantized import packed_linear, packed_rows, packed_shapes

__all__ = ["POOLER", "Encoder", "EncoderConfig", "affine_shapes", "norm_shapes"]

# A layer for classification, which is not used. Conversions by mlx-embeddings pack its matrix too.
POOLER = frozenset(f"pooler.dense.{part}" for part in ("weight", "bias", "scales", "biases"))


@dataclass(frozen=True)
class EncoderConfig:
    """The keys of config.json that define an encoder. Each architecture adds its own.

    fixed: key -> the one value that the architecture's file implements.
    harmless: keys that do not affect the hidden states.
    """

    fixed: ClassVar[Mapping[str, Any]] = {}
    harmless: ClassVar[frozenset[str]] = config_keys.HARMLESS | frozenset(  # training, and heads
        "attention_probs_dropout_prob classifier_dropout hidden_dropout_prob quantization_config "
        "tie_word_embeddings".split()
    )

    vocab_size: int
    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    quantization: Quantization | None = field(default=None, kw_only=True)

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings

    @property
    def eps(self) -> float:
        """The number that the norms add to a variance."""
        eps: float = self.layer_norm_eps  # type: ignore[attr-defined]
        return eps

    @classmethod
    def in_one_spelling(cls, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG003
        """Return the keys of config.json in the spelling of the fields."""
        return dict(declared)

    @classmethod
    def read(cls, folder: ModelFolder) -> Self:
        """Read config.json.

        Raises:
            DamagedModel: the file or one of its keys is missing or malformed.
            UnsupportedModel: a key is unknown, or has an unsupported value.

        """
        where = folder.path / "config.json"
        declared = cls.in_one_spelling(where, folder.mapping("config.json"))
        declared["quantization"] = Quantization.read(where, declared)
        handled = {field.name: field.type for field in fields(cls)}
        account(
            where, declared, handled=handled, harmless=cls.harmless, fixed={**config_keys.FIXED, **cls.fixed}
        )
        config = cls(**{name: _value(where, declared, name, kind) for name, kind in handled.items()})
        config.check(where)
        return config

    def check(self, where: Path) -> None:
        """Refuse sizes that cannot be.

        Raises:
            DamagedModel: a size is less than 1.
            UnsupportedModel: the heads do not share the width out evenly.

        """
        for one in fields(self):
            if one.type is int and getattr(self, one.name) < 1:
                raise DamagedModel(
                    where,
                    f"{one.name} must be at least 1, got {getattr(self, one.name)}",
                    hint="correct the file",
                )
        if self.num_hidden_layers > MOST_LAYERS:
            raise UnsupportedModel(
                where, f"num_hidden_layers must be at most {MOST_LAYERS:,}", hint="correct the file"
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
        layers = {name.removesuffix(".scales") for name in weights if name.endswith(".scales")}
        self.packings = _packings(config, layers, weights)

    def with_weights(self, weights: Mapping[str, mx.array]) -> Self:
        """Return the same encoder with other weights."""
        return type(self)(self.config, weights)

    @staticmethod
    def shapes(config: Any) -> dict[str, tuple[int, ...]]:
        """Return name -> shape of every weight that the model uses."""
        raise NotImplementedError

    @classmethod
    def read(cls, folder: ModelFolder) -> EncoderConfig:
        """Read config.json.

        Raises:
            DamagedModel, UnsupportedModel: see ``EncoderConfig.read``. The second also if the quantization
                names a layer that has no matrix, or one whose width its groups do not divide.

        """
        config = cls.reads.read(folder)
        widths = {name: shape[1] for name, shape in cls.matrices(config).items()}
        for name, packing in (config.quantization.layers if config.quantization else {}).items():
            if name not in widths or (packing and widths[name] % packing.group_size):
                raise UnsupportedModel(
                    folder.path / "config.json",
                    f"quantization names {name}, which is no matrix of the model that can be packed so",
                    hint="correct the file",
                )
        return config

    @classmethod
    def matrices(cls, config: EncoderConfig) -> dict[str, tuple[int, ...]]:
        """Return layer -> shape of its matrix."""
        shapes = cls.shapes(config)
        return {name.removesuffix(".weight"): shape for name, shape in shapes.items() if len(shape) == 2}

    @classmethod
    def described(
        cls, config: EncoderConfig, stored: Collection[str]
    ) -> tuple[dict[str, tuple[int, ...]], set[str]]:
        """Return name -> shape of every weight in the files, and the names of the packed integer weights.

        stored: the names of the weights in the files. A matrix without scales is not packed.
        """
        return packed_shapes(cls.shapes(config), _packings(config, cls.matrices(config), stored))

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

    def rows(self, name: str, ids: mx.array) -> mx.array:
        """Look ids up in the table of that name: (...) -> (..., D)."""
        if name in self.packings:
            return packed_rows(ids, *self.parts(name), self.packings[name]).astype(self.precision)
        return self.weights[f"{name}.weight"][ids]

    def linear(self, name: str, x: mx.array) -> mx.array:
        """Apply the affine map of that name: (..., I) -> (..., O)."""
        bias = self.weights.get(f"{name}.bias")
        if name in self.packings:
            product = packed_linear(x, *self.parts(name), self.packings[name])
            return product if bias is None else product + bias
        return linear(x, self.weights[f"{name}.weight"], bias)

    def parts(self, name: str) -> tuple[mx.array, mx.array, mx.array | None]:
        """Return a packed matrix: words, scales, and the offsets if its format has some."""
        words, scales = (self.weights[f"{name}.{part}"] for part in ("weight", "scales"))
        return words, scales, self.weights.get(f"{name}.biases")

    @property
    def precision(self) -> mx.Dtype:
        """The precision of the weights that are not packed."""
        return next(weight.dtype for weight in self.weights.values() if weight.ndim == 1)

    def norm(self, name: str, x: mx.array) -> mx.array:
        """Apply the layer normalisation of that name: (..., D) -> (..., D)."""
        return layer_norm(
            x, self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"), self.config.eps
        )


def affine_shapes(matrices: Mapping[str, tuple[int, int]]) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the weights of layers that have a matrix (O, I) and a bias (O,)."""
    return {
        f"{name}.{part}": shape
        for name, (out, into) in matrices.items()
        for part, shape in (("weight", (out, into)), ("bias", (out,)))
    }


def norm_shapes(names: Collection[str], width: int) -> dict[str, tuple[int, ...]]:
    """Return name -> shape of the weights of norms that have a scale and a bias."""
    return {f"{name}.{part}": (width,) for name in names for part in ("weight", "bias")}


def _value(where: object, declared: Mapping[str, Any], name: str, kind: Any) -> Any:
    """Return a value of config.json, of the type that its field has."""
    return typed(where, declared, name, kind) if kind in (int, float, str, bool) else declared[name]


def _packings(config: EncoderConfig, layers: Collection[str], stored: Collection[str]) -> dict[str, Packing]:
    """Return how each packed matrix among some layers is packed."""
    if config.quantization is None:
        return {}
    of = {name: config.quantization.of(name, packed=f"{name}.scales" in stored) for name in layers}
    return {name: packing for name, packing in of.items() if packing}
