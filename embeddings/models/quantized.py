"""Quantized linear layers that are fast for many rows too.

mx.quantized_matmul is made for the few rows of text generation. An embedding batch has hundreds, and there
it pays to unpack the weight inside the call and multiply it as floats: memory stays that of the packed
weights but for one layer at a time.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.backend import mx, nn
from embeddings.errors import UnsupportedModel

__all__ = ["CROSSOVER", "Quantization", "backend", "for_many_rows", "unpacked"]

# From how many rows unpacking is faster, by backend, as make crossover prints them (benchmarks/README.md).
# None is never: Metal was not measured, and MLX's own choice stays.
CROSSOVER: Mapping[str, int | None] = {"cpu": 16, "cuda": 2048, "metal": None}
# On CUDA, MLX 0.32.4's quantized_matmul gives garbage for two rows or more of 64 numbers. It is right for 128
# numbers (measured on an H200). So narrower layers are always unpacked there.
LEAST_WIDTH = {"cuda": 128}


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
                hint="use affine, alike in all layers",
            )
        group_size, bits = declared.get("group_size"), declared.get("bits")
        if group_size not in (32, 64, 128) or bits not in (2, 3, 4, 5, 6, 8):
            raise UnsupportedModel(
                where, f"quantization {declared!r} is not supported", hint="use groups of 32, 64 or 128"
            )
        return cls(group_size, bits)


def unpacked(words: mx.array, scales: mx.array, biases: mx.array, *, group_size: int, bits: int) -> mx.array:
    """Return the matrix that packed words (O, I * bits / 32) stand for: (O, I), as mx.dequantize does.

    On a CPU, where that is scalar, by shifts, which are not: 0.25 s in place of 0.50 for 12,288 x 4,096
    numbers of 4 bits, bit for bit the same (tests/embeddings/test_quantized.py).
    """
    if backend() != "cpu" or 32 % bits:
        return mx.dequantize(words, scales, biases, group_size=group_size, bits=bits)
    numbers = (words[..., None] >> mx.arange(0, 32, bits, dtype=mx.uint32)) & (2**bits - 1)
    groups = numbers.reshape(*scales.shape, group_size).astype(scales.dtype)
    return (groups * scales[..., None] + biases[..., None]).reshape(len(words), -1)


_FEW_ROWS = nn.layers.quantized.QuantizedLinear.__call__


class ManyRowsLinear(nn.layers.quantized.QuantizedLinear):
    """mlx's quantized linear layer, but for how it multiplies many rows."""

    least_size: float = math.inf  # of an input that has many rows

    def __call__(self, x: mx.array) -> mx.array:
        """(..., I) -> (..., O)."""
        if x.size < self.least_size:
            return _FEW_ROWS(self, x)
        parts = self["weight"], self["scales"], self["biases"]
        weight = unpacked(*parts, group_size=self.group_size, bits=self.bits).astype(x.dtype)
        out = x @ weight.T
        return out + self["bias"] if "bias" in self else out


def for_many_rows(trunk: nn.layers.base.Module) -> None:
    """Let every quantized linear layer of a trunk choose by its number of rows, on the default device.

    What can be worked out here is, because 200 layers that work it out show in the latency of a short text.
    """
    crossover = CROSSOVER[backend()]
    for _, module in trunk.named_modules():
        if type(module) is nn.layers.quantized.QuantizedLinear and crossover is not None:
            width = module.scales.shape[1] * module.group_size
            narrow = width < LEAST_WIDTH.get(backend(), 0)
            module.__class__ = ManyRowsLinear
            module.least_size = 0 if narrow else crossover * width
