"""Quantized linear layers that are fast for many rows too.

mx.quantized_matmul is made for the few rows of text generation. An embedding batch has hundreds, and there
it pays to unpack the weight inside the call and multiply it as floats: memory stays that of the packed
weights but for one layer at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.blas import mx, nn
from embeddings.errors import UnsupportedModel

__all__ = ["CROSSOVER", "Quantization", "for_many_rows"]

# Rows from which unpacking is the faster way, by backend; None is never. On CPU a product with the packed
# weight runs at 2 GFLOP/s, one of floats at some hundred. CUDA and Metal were not measured yet.
CROSSOVER: Mapping[str, int | None] = {"cpu": 1, "cuda": None, "metal": None}


def backend() -> str:
    """Name what the default device computes with: "cpu", "cuda" or "metal"."""
    if mx.default_device().type == mx.DeviceType.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


@dataclass(frozen=True)
class Quantization:
    """How a checkpoint packs its matrices: ``bits`` each, in groups with a scale and an offset (affine)."""

    group_size: int
    bits: int

    @classmethod
    def read(cls, where: object, declared: Any) -> "Quantization | None":
        """Read config.json's ``quantization``; None where there is none.

        Raises:
            UnsupportedModel: another mode than affine, other widths, or layers that differ from the rest.

        """
        if declared is None:
            return None
        mode = declared.get("mode", "affine") if isinstance(declared, dict) else declared
        if mode != "affine" or not declared.keys() <= {"group_size", "bits", "mode"}:
            raise UnsupportedModel(
                where,
                f"quantization {declared!r} is not supported",
                mend="use affine, alike in all layers",
            )
        group_size, bits = declared.get("group_size"), declared.get("bits")
        if group_size not in (32, 64, 128) or bits not in (2, 3, 4, 5, 6, 8):
            raise UnsupportedModel(
                where, f"quantization {declared!r} is not supported", mend="use groups of 32, 64 or 128"
            )
        return cls(group_size, bits)


class ManyRowsLinear(nn.layers.quantized.QuantizedLinear):
    """mlx's quantized linear layer, but for how it multiplies many rows."""

    def __call__(self, x: mx.array) -> mx.array:
        """(..., I) -> (..., O)."""
        crossover = CROSSOVER[backend()]
        if crossover is None or x.size // x.shape[-1] < crossover:
            return super().__call__(x)
        weight = mx.dequantize(
            self["weight"], self["scales"], self["biases"], group_size=self.group_size, bits=self.bits
        ).astype(x.dtype)
        out = x @ weight.T
        return out + self["bias"] if "bias" in self else out


def for_many_rows(trunk: nn.layers.base.Module) -> None:
    """Let every quantized linear layer of a trunk choose by its number of rows."""
    for _, module in trunk.named_modules():
        if type(module) is nn.layers.quantized.QuantizedLinear:
            module.__class__ = ManyRowsLinear
