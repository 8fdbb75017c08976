"""What config.json says of a decoder, and mlx-lm's model that is built from it."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from embeddings.backend import nn
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import MOST_LAYERS, ModelFolder, account, typed
from embeddings.models import config_keys
from embeddings.models.families import FAMILIES, Family
from embeddings.models.quantization import Quantization

__all__ = ["DecoderConfig", "build"]

_OURS = frozenset(  # mlx-lm knows these keys too, but they are not passed on as declared
    "layer_types rope_parameters rope_scaling rope_theta sliding_window".split()
)
_NUMBERS = (int, float, int | None, float | None)  # types of mlx-lm's arguments; it does not check them
_HARMLESS = config_keys.HARMLESS | frozenset(  # and the tie of the head, which a trunk does not have
    "is_llama_config max_window_layers tie_word_embeddings".split()
)


@dataclass(frozen=True)
class DecoderConfig:
    """The content of config.json as arguments for mlx-lm, and the values that affect the vectors."""

    family: Family = field(repr=False)  # not in repr: its sets have no order; the arguments contain its name
    arguments: Mapping[str, Any]
    quantization: Quantization | None
    vocab_size: int
    hidden_size: int
    max_position_embeddings: int

    @property
    def max_positions(self) -> int:
        """The number of tokens for which the model has positions."""
        return self.max_position_embeddings

    @classmethod
    def read(cls, folder: ModelFolder) -> "DecoderConfig":
        """Read config.json.

        Raises:
            DamagedModel: the file or one of its keys is missing or malformed.
            UnsupportedModel: a key is unknown, or has a value that these trunks do not implement.

        """
        where, declared = folder.path / "config.json", folder.mapping("config.json")
        family = FAMILIES[typed(where, declared, "model_type", str)]
        arguments = import_module(f"mlx_lm.models.{family.module}").ModelArgs
        known = {field.name for field in fields(arguments)}
        account(
            where,
            declared,
            handled={*known, *_OURS, "max_position_embeddings", "quantization", "quantization_config"},
            harmless=_HARMLESS | family.harmless,
            fixed={**config_keys.FIXED, **family.fixed},
        )
        names = ("vocab_size", "hidden_size", "max_position_embeddings")
        sizes = {name: typed(where, declared, name, int) for name in names}
        for key in sorted(family.required):
            typed(where, declared, key, float)
        given = {key: value for key, value in declared.items() if key in known - _OURS}
        rope = _rope(where, declared, family, sizes["max_position_embeddings"])
        given |= {key: value for key, value in rope.items() if key in known}
        for one in fields(arguments):
            if one.type in _NUMBERS and given.get(one.name) is not None:
                typed(where, given, one.name, float)
        try:
            made = arguments(**given)
        except Exception as error:  # mlx-lm checks nothing that it is given
            raise DamagedModel(where, f"mlx-lm refuses it ({error})", hint="fetch the file again") from error
        layers = typed(where, vars(made), "num_hidden_layers", int)
        _check_sizes(where, {**sizes, "num_hidden_layers": layers})
        config = cls(family, given, Quantization.read(where, declared), **sizes)
        if unknown := config.unknown_layers():
            raise UnsupportedModel(
                where,
                f"quantization names {unknown[0]}, which is no matrix of the model",
                hint="correct the file",
            )
        return config

    def unknown_layers(self) -> list[str]:
        """Return the layers that the quantization names and that the trunk cannot pack."""
        named = self.quantization.layers if self.quantization else {}
        if not named:
            return []
        modules = build(replace(self, quantization=None), ()).model.named_modules()
        return sorted(named.keys() - {name for name, module in modules if hasattr(module, "to_quantized")})


def _rope(where: Path, declared: Mapping[str, Any], family: Family, max_positions: int) -> Mapping[str, Any]:
    """Check the window, and return the rope as arguments for mlx-lm."""
    try:
        family.check_window(where, declared, max_positions)
        return family.rope(where, declared)
    except (TypeError, ValueError, AttributeError) as error:
        hint = "fetch the file again"
        raise DamagedModel(where, f"its window or its rope is malformed ({error})", hint=hint) from error


def _check_sizes(where: Path, sizes: Mapping[str, int]) -> None:
    for name, value in sizes.items():
        if value < 1:
            raise DamagedModel(where, f"{name} must be at least 1, got {value}", hint="correct the file")
    if sizes["num_hidden_layers"] > MOST_LAYERS:
        what = f"num_hidden_layers must be at most {MOST_LAYERS:,}"
        raise UnsupportedModel(where, what, hint="correct the file")


def build(config: DecoderConfig, stored: Collection[str] | None) -> Any:
    """Build mlx-lm's model. Its weights are only described and never computed.

    stored: see ``Decoder.described``.

    Raises:
        UnsupportedModel: mlx-lm cannot, because config.json declares what is no model.

    """
    try:
        return _built(config, stored)
    except Exception as error:  # mlx-lm checks nothing that it is given
        what = f"mlx-lm cannot build it ({type(error).__name__}: {error})"
        raise UnsupportedModel(config.family.module, what, hint="correct config.json") from error


def _built(config: DecoderConfig, stored: Collection[str] | None) -> Any:
    module = import_module(f"mlx_lm.models.{config.family.module}")
    model = module.Model(module.ModelArgs(**config.arguments))
    if config.quantization:
        of = config.quantization.of

        def packing(name: str, layer: Any) -> bool | dict[str, Any]:
            has_scales = stored is None or f"{name}.scales" in stored
            chosen = of(name, packed=has_scales) if hasattr(layer, "to_quantized") else None
            return asdict(chosen) if chosen else False

        nn.layers.quantized.quantize(model.model, class_predicate=packing)
    model.eval()
    return model
