"""Quantized linear layers that are also fast for many rows.

mx.quantized_matmul is made for the few rows of text generation. An embedding batch has hundreds of rows. Then
it is faster to unpack the weight inside the call and multiply it as floats. Only one layer is unpacked at a
time, so the other weights stay packed in memory.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from embeddings.backend import CORE_STREAMS, mx, nn
from embeddings.models.quantization import Packing

__all__ = [
    "CROSSOVER",
    "backend",
    "for_many_rows",
    "packed_linear",
    "packed_rows",
    "packed_shapes",
    "unpacked",
    "unpacked_product",
]

# Backend -> the number of rows from which unpacking is faster, as make crossover prints it
# (benchmarks/README.md). None: never unpack. Metal was not measured, so MLX's own choice stays. The command
# printed 8 for one core, and 4 to 8 for two. CUDA's number is that of the shapes of Qwen3-Embedding 0.6B, 4B
# and 8B in 4 bits. On an H200 a batch of 1,024 rows runs 1.1, 2.9 and 3.1 times as fast with unpacked
# weights.
CROSSOVER: Mapping[str, int | None] = {"cpu": 8, "cuda": 1024, "metal": None}
# On CUDA, MLX 0.32.4's quantized_matmul gives wrong numbers for two or more rows of 64 numbers. It is right
# for rows of 128 numbers (measured on an H200). So on CUDA layers narrower than 128 are always unpacked.
LEAST_WIDTH = {"cuda": 128}
LEAST_PART = 512  # outputs: to start a smaller part of a matrix costs a core more than it saves


def backend() -> str:
    """Return the backend of the default device: "cpu", "cuda" or "metal"."""
    if mx.default_device().type == mx.DeviceType.cpu:
        return "cpu"
    return "metal" if mx.metal.is_available() else "cuda"


def unpacked(
    words: mx.array,
    scales: mx.array,
    biases: mx.array | None,
    *,
    group_size: int,
    bits: int,
    mode: str = "affine",
) -> mx.array:
    """Unpack a matrix: packed words (O, I * bits / 32) -> (O, I), as mx.dequantize does.

    On a CPU mx.dequantize is not vectorised, so this function uses shifts, which are. For 12,288 x 4,096
    numbers of 4 bits it takes 0.25 s instead of 0.50 s. The bits of the result are the same
    (tests/embeddings/test_quantized.py).

    biases: None in the float formats, which have no offsets.
    """
    if biases is None or backend() != "cpu" or 32 % bits:
        return mx.dequantize(words, scales, biases, group_size=group_size, bits=bits, mode=mode)
    numbers = (words[..., None] >> mx.arange(0, 32, bits, dtype=mx.uint32)) & (2**bits - 1)
    groups = numbers.reshape(*scales.shape, group_size).astype(scales.dtype)
    return (groups * scales[..., None] + biases[..., None]).reshape(len(words), -1)


def packed_shapes(
    shapes: Mapping[str, tuple[int, ...]], packings: Mapping[str, Packing]
) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """Return the shapes of weights of which some matrices are packed, and the names of the packed integers.

    shapes: weight -> its shape, each matrix as floats. packings: layer -> how its matrix is packed.
    """
    found, integers = dict(shapes), set()
    for layer, packing in packings.items():
        parts = mx.quantize(mx.zeros(shapes[f"{layer}.weight"]), **asdict(packing))  # never evaluated
        for part, array in zip(("weight", "scales", "biases"), parts, strict=False):
            found[f"{layer}.{part}"] = tuple(array.shape)
            if array.dtype in (mx.uint32, mx.uint8):
                integers.add(f"{layer}.{part}")
    return found, integers


def packed_rows(
    ids: mx.array, words: mx.array, scales: mx.array, biases: mx.array | None, packing: Packing
) -> mx.array:
    """Look ids up in a packed table: (...) -> (..., D)."""
    offsets = None if biases is None else biases[ids]
    found: mx.array = mx.dequantize(words[ids], scales[ids], offsets, **asdict(packing))
    return found


def packed_linear(
    x: mx.array, words: mx.array, scales: mx.array, biases: mx.array | None, packing: Packing
) -> mx.array:
    """Multiply by a packed matrix: (..., I) -> (..., O). Many rows are multiplied by the unpacked matrix."""
    if x.size < least_size(x.shape[-1]):
        return mx.quantized_matmul(x, words, scales, biases, transpose=True, **asdict(packing))
    return unpacked_product(x, words, scales, biases, **asdict(packing))


def unpacked_product(
    x: mx.array, words: mx.array, scales: mx.array, biases: mx.array | None, **packing: Any
) -> mx.array:
    """Unpack a matrix (O, I) and multiply by it: (..., I) -> (..., O). packing: as ``unpacked`` takes it.

    On a CPU MLX unpacks on one core. So here each core unpacks a part of the outputs and multiplies by it.
    On two cores four texts of 16 tokens through 0.6B take 0.95 s instead of 1.40 s (pytest --benchmark-only).
    """

    def product(words: mx.array, scales: mx.array, biases: mx.array | None) -> mx.array:
        return x @ unpacked(words, scales, biases, **packing).astype(x.dtype).T

    step = max(LEAST_PART, -(-len(words) // len(CORE_STREAMS)))
    if backend() != "cpu" or step >= len(words):
        return product(words, scales, biases)
    products = []
    for start, stream in zip(range(0, len(words), step), CORE_STREAMS, strict=False):
        part = slice(start, start + step)
        with mx.stream(stream):
            products.append(product(words[part], scales[part], None if biases is None else biases[part]))
    return mx.concatenate(products, axis=-1)


def least_size(width: int) -> float:
    """Return from how many numbers in an input unpacking is faster, or needed. width: of one row."""
    crossover = CROSSOVER[backend()]
    if crossover is None:
        return math.inf
    return 0 if width < LEAST_WIDTH.get(backend(), 0) else crossover * width


_FEW_ROWS = nn.layers.quantized.QuantizedLinear.__call__


class ManyRowsLinear(nn.layers.quantized.QuantizedLinear):
    """MLX's quantized linear layer with another multiplication for many rows."""

    least_size: float = math.inf  # numbers in an input from which it counts as many rows

    def __call__(self, x: mx.array) -> mx.array:
        """Apply the layer: (..., I) -> (..., O)."""
        if x.size < self.least_size:
            return _FEW_ROWS(self, x)
        parts = self["weight"], self["scales"], self.get("biases")
        out = unpacked_product(x, *parts, group_size=self.group_size, bits=self.bits, mode=self.mode)
        return out + self["bias"] if "bias" in self else out


class PreciseEmbedding(nn.layers.quantized.QuantizedEmbedding):
    """MLX's quantized table, whose rows get the precision of the other weights.

    MLX gives the rows of the float formats as bfloat16, and then all layers compute in bfloat16.
    """

    precision = mx.float32

    def __call__(self, x: mx.array) -> mx.array:
        """Return the rows of some ids: (...) -> (..., D)."""
        return super().__call__(x).astype(self.precision)


def for_many_rows(trunk: nn.layers.base.Module) -> None:
    """Make every quantized linear layer of a trunk choose its method by its number of rows.

    A quantized table gives its rows in the precision of the trunk's last norm.

    The limits of the default device are computed once, here. If each of 200 layers computed them in each
    call, the latency of a short text would be higher.
    """
    for _, module in trunk.named_modules():
        if type(module) is nn.layers.quantized.QuantizedEmbedding:
            module.__class__ = PreciseEmbedding
            module.precision = trunk.norm.weight.dtype
        if type(module) is nn.layers.quantized.QuantizedLinear:
            module.__class__ = ManyRowsLinear
            module.least_size = least_size(module.scales.shape[1] * module.group_size)
