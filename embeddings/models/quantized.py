"""Quantized linear layers that are also fast for many rows.

mx.quantized_matmul is made for the few rows of text generation. An embedding batch has hundreds of rows. Then
it is faster to unpack the weight inside the call and multiply it as floats. Only one layer is unpacked at a
time, so the other weights stay packed in memory.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from embeddings.backend import mx, nn
from embeddings.errors import UnsupportedModel

__all__ = ["CROSSOVER", "Quantization", "backend", "for_many_rows", "unpacked"]

# Backend -> the number of rows from which unpacking is faster, as make crossover prints it
# (benchmarks/README.md). None: never unpack. Metal was not measured, so MLX's own choice stays. CUDA's number
# is that of the shapes of Qwen3-Embedding 0.6B, 4B and 8B in 4 bits. On an H200 a batch of 1,024 rows runs
# 1.1, 2.9 and 3.1 times as fast with unpacked weights.
CROSSOVER: Mapping[str, int | None] = {"cpu": 16, "cuda": 1024, "metal": None}
# On CUDA, MLX 0.32.4's quantized_matmul gives wrong numbers for two or more rows of 64 numbers. It is right
# for rows of 128 numbers (measured on an H200). So on CUDA layers narrower than 128 are always unpacked.
LEAST_WIDTH = {"cuda": 128}


def backend() -> str:
    """Return the backend of the default device: "cpu", "cuda" or "metal"."""
    if mx.default_device().type == mx.DeviceType.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


@dataclass(frozen=True)
class Quantization:
    """How matrices are packed: ``bits`` per number, in groups with one scale and one offset (affine)."""

    group_size: int
    bits: int

    @classmethod
    def read(cls, where: object, declared: Any) -> "Quantization | None":
        """Read ``quantization`` of config.json. Return None if there is none.

        Raises:
            UnsupportedModel: the mode is not affine, the widths are not supported, or layers differ.

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
    """Unpack a matrix: packed words (O, I * bits / 32) -> (O, I), as mx.dequantize does.

    On a CPU mx.dequantize is not vectorised, so this function uses shifts, which are. For 12,288 x 4,096
    numbers of 4 bits it takes 0.25 s instead of 0.50 s. The bits of the result are the same
    (tests/embeddings/test_quantized.py).
    """
    if backend() != "cpu" or 32 % bits:
        return mx.dequantize(words, scales, biases, group_size=group_size, bits=bits)
    numbers = (words[..., None] >> mx.arange(0, 32, bits, dtype=mx.uint32)) & (2**bits - 1)
    groups = numbers.reshape(*scales.shape, group_size).astype(scales.dtype)
    return (groups * scales[..., None] + biases[..., None]).reshape(len(words), -1)


_FEW_ROWS = nn.layers.quantized.QuantizedLinear.__call__


class ManyRowsLinear(nn.layers.quantized.QuantizedLinear):
    """MLX's quantized linear layer with another multiplication for many rows."""

    least_size: float = math.inf  # numbers in an input from which it counts as many rows

    def __call__(self, x: mx.array) -> mx.array:
        """Apply the layer: (..., I) -> (..., O)."""
        if x.size < self.least_size:
            return _FEW_ROWS(self, x)
        parts = self["weight"], self["scales"], self["biases"]
        weight = unpacked(*parts, group_size=self.group_size, bits=self.bits).astype(x.dtype)
        out = x @ weight.T
        return out + self["bias"] if "bias" in self else out


def for_many_rows(trunk: nn.layers.base.Module) -> None:
    """Make every quantized linear layer of a trunk choose its method by its number of rows.

    The limits of the default device are computed once, here. If each of 200 layers computed them in each
    call, the latency of a short text would be higher.
    """
    crossover = CROSSOVER[backend()]
    for _, module in trunk.named_modules():
        if type(module) is nn.layers.quantized.QuantizedLinear and crossover is not None:
            width = module.scales.shape[1] * module.group_size
            narrow = width < LEAST_WIDTH.get(backend(), 0)
            module.__class__ = ManyRowsLinear
            module.least_size = 0 if narrow else crossover * width
