"""What config.json says about quantization: how the matrix of each layer is packed.

mlx-lm writes one statement for all layers, and one more for each layer that differs. A layer that is not
packed has no statement, and no scales in the weights.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.errors import DamagedModel, UnsupportedModel

__all__ = ["Packing", "Quantization"]

# Mode -> (group sizes, bits) that mx.quantize supports: https://ml-explore.github.io/mlx, mx.quantize.
_MODES: Mapping[str, tuple[Collection[int], Collection[int]]] = {
    "affine": ((32, 64, 128), (2, 3, 4, 5, 6, 8)),
    "mxfp4": ((32,), (4,)),
    "mxfp8": ((32,), (8,)),
    "nvfp4": ((16,), (4,)),
}
_PREFIX = "model."  # mlx-lm puts it before the names of a trunk's layers
_HEAD = "lm_head"  # an embedding model does not use it


@dataclass(frozen=True)
class Packing:
    """How one matrix is packed: ``bits`` per number, in groups with one scale.

    mode: "affine" (the groups have an offset too), or one of the float formats "mxfp4", "mxfp8", "nvfp4".
    """

    group_size: int
    bits: int
    mode: str = "affine"

    @classmethod
    def read(cls, where: object, declared: Any) -> "Packing":
        """Read one statement.

        Raises:
            UnsupportedModel: a key is missing or unknown, or this library does not support its value.

        """
        given = declared if isinstance(declared, dict) else {}
        mode = str(given.get("mode", "affine"))
        sizes, bits = _MODES.get(mode, ((), ()))
        unknown = given.keys() - {"group_size", "bits", "mode"}
        if unknown or given.get("group_size") not in sizes or given.get("bits") not in bits:
            known = ", ".join(f"{mode} {list(sizes)} {list(bits)}" for mode, (sizes, bits) in _MODES.items())
            raise UnsupportedModel(
                where,
                f"quantization {declared!r} is not supported",
                hint=f"give mode, group_size and bits as mlx-lm does: {known}",
            )
        return cls(given["group_size"], given["bits"], mode)


@dataclass(frozen=True)
class Quantization:
    """How the matrices of a trunk are packed.

    layers: name of a layer in the trunk -> its own statement; None: it is not packed.
    """

    default: Packing
    layers: Mapping[str, Packing | None]

    @classmethod
    def read(cls, where: object, declared: Mapping[str, Any]) -> "Quantization | None":
        """Read ``quantization`` of config.json, which ``quantization_config`` repeats. None: there is none.

        Raises:
            UnsupportedModel: a mode, a width or a key is not supported, or only ``quantization_config`` is
                there, which other programs write.
            DamagedModel: the two differ.

        """
        said, repeated = declared.get("quantization"), declared.get("quantization_config")
        if said is None:
            if repeated is not None:
                raise UnsupportedModel(
                    where,
                    f"quantization_config {repeated!r} is not supported",
                    hint="convert the model with mlx-lm, which writes quantization too",
                )
            return None
        found = cls._parsed(where, said)
        if repeated is not None and found != cls._parsed(where, repeated):
            raise DamagedModel(
                where, "quantization and quantization_config differ", hint="correct the one that is wrong"
            )
        return found

    @classmethod
    def _parsed(cls, where: object, declared: Any) -> "Quantization":
        layers = {}
        default = declared
        if isinstance(declared, dict):
            own = {name: of for name, of in declared.items() if isinstance(of, dict | bool)}
            default = {name: of for name, of in declared.items() if name not in own}
            layers = {name.removeprefix(_PREFIX): of for name, of in own.items() if name != _HEAD}
        packing = Packing.read(where, default)
        return cls(
            packing,
            {
                name: packing if of is True else Packing.read(where, of) if of else None
                for name, of in layers.items()
            },
        )

    def of(self, layer: str, *, packed: bool) -> Packing | None:
        """Return how the matrix of a layer is packed, or None if it is not.

        packed: whether the layer has scales in the weights. It decides where the layer has no statement.
        """
        return self.layers.get(layer, self.default if packed else None)
