"""Encoders in which some layers read only a window around each token.

config.json says which layers these are, and gives each type of layer a theta for its rotations. Older files
have a pattern and two thetas. Transformers 5 writes ``layer_types`` and ``rope_parameters``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from embeddings.backend import mx
from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import typed
from embeddings.models.encoder import Encoder, EncoderConfig

__all__ = ["FULL", "LOCAL", "LocalConfig", "LocalEncoder"]

FULL, LOCAL = "full_attention", "sliding_attention"


@dataclass(frozen=True)
class LocalConfig(EncoderConfig):
    """The keys of config.json that define such an encoder.

    pattern: the older key for the types of layers. It says that one layer in so many is full. Transformers
        writes it beside ``layer_types`` and does not read it then, so it may say something else.
    first_full: the first full layer. Negative: counted from the end of the first group.
    thetas: type of layer -> the older key of its theta, which is the name of the field too.
    window: the field with the width of the window. A token reads half of it on each side, and itself.
    """

    pattern: ClassVar[str]
    first_full: ClassVar[int]
    thetas: ClassVar[Mapping[str, str]]
    window: ClassVar[str]

    layer_types: tuple[str, ...]

    @classmethod
    def in_one_spelling(cls, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        """Return the keys of config.json in the spelling of the fields.

        Raises:
            DamagedModel: nothing says which layers are full, or a theta is declared twice with two values.
            UnsupportedModel: a type of layer or a kind of rope is not supported.

        """
        layers = typed(where, declared, "num_hidden_layers", int)
        types = declared.get("layer_types") or cls._by_pattern(where, declared, layers)
        if not isinstance(types, list) or len(types) != layers:
            raise DamagedModel(
                where, f"layer_types must name {layers} layers, got {types!r}", hint="correct the file"
            )
        if unknown := {str(kind) for kind in types} - {FULL, LOCAL}:
            raise UnsupportedModel(
                where, f"layer_types {sorted(unknown)} are not supported", hint="use another model"
            )
        rest = {key: value for key, value in declared.items() if key not in (cls.pattern, "rope_parameters")}
        return rest | cls._thetas(where, declared) | {"layer_types": tuple(types)}

    @classmethod
    def _by_pattern(cls, where: object, declared: Mapping[str, Any], layers: int) -> list[str]:
        every = typed(where, declared, cls.pattern, int)
        if every < 1:
            raise DamagedModel(
                where, f"{cls.pattern} must be at least 1, got {every}", hint="correct the file"
            )
        return [LOCAL if (layer - cls.first_full) % every else FULL for layer in range(layers)]

    @classmethod
    def _thetas(cls, where: object, declared: Mapping[str, Any]) -> dict[str, Any]:
        ropes = declared.get("rope_parameters") or {}
        found: dict[str, Any] = {}
        for kind, rope in ropes.items():
            known = isinstance(rope, dict) and rope.keys() <= {"rope_type", "rope_theta"}
            if kind not in cls.thetas or not known or rope.get("rope_type", "default") != "default":
                raise UnsupportedModel(
                    where, f"rope_parameters {ropes!r} is not supported", hint="use a model without scaling"
                )
            key, theta = cls.thetas[kind], rope.get("rope_theta")
            if declared.get(key, theta) != theta:
                raise DamagedModel(
                    where,
                    f"the theta of {kind} is declared twice, as {declared[key]} and {theta}",
                    hint="correct the file",
                )
            found[key] = theta
        return found


class LocalEncoder(Encoder):
    """An encoder whose layers have a type each."""

    config: LocalConfig

    def masks(self, longest: int, lengths: mx.array) -> dict[str, mx.array]:
        """Return the attention mask of each type of layer.

        In a window padding reads padding. If a query read nothing, its states would be NaN, and so would be
        every product with them.
        """
        steps = mx.arange(longest)
        real = steps[None, :] < lengths[:, None]
        near = mx.abs(steps[:, None] - steps[None, :]) <= getattr(self.config, self.config.window) // 2
        local = near & (real[:, :, None] == real[:, None, :])
        return {FULL: self.attention_mask(longest, lengths), LOCAL: local[:, None]}

    def theta(self, kind: str) -> float:
        """Return the theta of the rotations in a type of layer."""
        theta: float = getattr(self.config, self.config.thetas[kind])
        return theta
