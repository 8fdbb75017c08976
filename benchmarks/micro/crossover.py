"""Finds the number of rows from which unpacking a quantized layer is faster: ``make crossover``.

The two methods of embeddings/models/quantized.py are timed in interleaved rounds, for a layer of each size
(hidden x intermediate) and for 4 and 8 bits. One method is mx.quantized_matmul. The other unpacks the weight
and multiplies floats. The last line is the entry of this backend in CROSSOVER of that file. It is the
smallest number of rows from which unpacking is faster at this and every larger number, for all layers.

Activations are bfloat16 on a GPU and float32 on a CPU, as in ``embeddings.load``. On a CPU the two precisions
give different results: bfloat16 is so slow with packed weights that unpacking is faster from fewer rows. But
bfloat16 should not be used on a CPU, so float32 decides (``--precision bfloat16`` shows the other result).
"""

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import takewhile
from statistics import median
from typing import Any

from benchmarks.harness.plan import batches
from embeddings.backend import mx
from embeddings.loading import PRECISIONS
from embeddings.models.quantized import backend, unpacked_product
from embeddings.synthetic import SHAPES

ROWS = tuple(2**power for power in range(13))
BITS, GROUP_SIZE = (4, 8), 64
LAYERS = [(shape["hidden_size"], shape["intermediate_size"]) for shape in SHAPES.values()]
# The layers of a model do not stay in a cache between two calls. So the timing cycles through packed weights
# of this many bytes: unpacked they are more than twice the 50 MB cache of an H100. A CPU is so slow that this
# does not matter.
COLD_BYTES = {"cpu": 1, "cuda": 2**25, "metal": 2**25}
# Seconds of one product. If it takes longer and unpacking is clearly faster, more rows are left out.
LIMIT = 0.1


@dataclass(frozen=True)
class Packed:
    """One quantized matrix (O, I)."""

    weight: mx.array
    scales: mx.array
    biases: mx.array
    bits: int


def packed_product(x: mx.array, packed: Packed) -> mx.array:
    """Return x (B, I) times the matrix: (B, O). It is computed as in mlx's quantized layer."""
    return mx.quantized_matmul(
        x,
        packed.weight,
        scales=packed.scales,
        biases=packed.biases,
        transpose=True,
        group_size=GROUP_SIZE,
        bits=packed.bits,
    )


def by_unpacking(x: mx.array, packed: Packed) -> mx.array:
    """Return x (B, I) times the matrix: (B, O). It is computed as in ManyRowsLinear; a test compares both."""
    parts = packed.weight, packed.scales, packed.biases
    return unpacked_product(x, *parts, group_size=GROUP_SIZE, bits=packed.bits)


def make_weights(hidden: int, out: int, bits: int, precision: mx.Dtype, cold: int) -> list[Packed]:
    """Quantize enough random matrices (out, hidden) to fill ``cold`` bytes."""
    made = []
    for _ in range(-(-cold // (hidden * out * bits // 8))):
        parts = mx.quantize(mx.random.normal((out, hidden)).astype(precision), GROUP_SIZE, bits)
        mx.eval(*parts)
        made.append(Packed(*parts, bits))
    return made


def seconds(product: Callable[[mx.array, Packed], mx.array], x: mx.array, weights: Sequence[Packed]) -> float:
    """Return the average time of one product over all matrices. Each matrix is used once."""
    start = time.perf_counter()
    mx.eval([product(x, packed) for packed in weights])
    return (time.perf_counter() - start) / len(weights)


def ratio_at(rows: int, hidden: int, weights: Sequence[Packed], precision: mx.Dtype, rounds: int) -> Any:
    """Return two medians over interleaved rounds: of packed / unpacked seconds, and of packed seconds."""
    x = mx.random.normal((rows, hidden)).astype(precision)
    mx.eval(x)
    ways = (partial(seconds, packed_product), partial(seconds, by_unpacking))
    # The first round is a warm-up.
    pairs = [tuple(way(x, weights) for way in ways) for _ in range(rounds + 1)][1:]
    return median(packed / unpacked for packed, unpacked in pairs), median(packed for packed, _ in pairs)


def measure_layer(
    hidden: int, out: int, bits: int, precision: mx.Dtype, options: argparse.Namespace
) -> dict[int, float]:
    """Return rows -> ratio for one layer. Larger numbers of rows are left out if the result is clear."""
    weights = make_weights(hidden, out, bits, precision, COLD_BYTES[options.backend])
    ratios: dict[int, float] = {}
    for rows in options.rows:
        ratios[rows], taken = ratio_at(rows, hidden, weights, precision, options.rounds)
        if taken > options.limit and ratios[rows] > 2:
            break
    return ratios


def crossover(layers: Sequence[Mapping[int, float]]) -> int | None:
    """Return the smallest number of rows from which unpacking is faster for every layer; None means never.

    The ratio must be above 1 at this number and at all larger numbers. layers: rows -> packed seconds divided
    by unpacked seconds. Larger numbers of rows were left out only if unpacking was clearly faster.
    """
    found = []
    for ratios in layers:
        won = list(takewhile(lambda row: row[1] > 1, sorted(ratios.items(), reverse=True)))
        if not won:
            return None
        found.append(won[-1][0])
    return max(found)


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.micro.crossover", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved rounds (default: 5)")
    parser.add_argument("--least", type=int, default=1, help="rows to begin with (default: 1)")
    parser.add_argument("--precision", choices=PRECISIONS, help="of the activations")
    parser.add_argument("--layers", type=batches, default=LAYERS, help="inputs x outputs, as in 1024x3072")
    parser.add_argument("--limit", type=float, default=LIMIT, help=f"seconds of a product (default: {LIMIT})")
    options = parser.parse_args(arguments)
    options.backend, options.rows = backend(), [rows for rows in ROWS if rows >= options.least]
    options.precision = options.precision or ("float32" if options.backend == "cpu" else "bfloat16")
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print the table, then the entry of CROSSOVER."""
    options = parse(arguments)
    print(f"{options.backend}, {options.precision}: quantized_matmul / (unpack + matmul), medians")
    print(f"{'layer':<20}" + "".join(f"{rows:>7}" for rows in options.rows))
    layers = []
    for hidden, out in options.layers:
        for bits in BITS:
            ratios = measure_layer(hidden, out, bits, PRECISIONS[options.precision], options)
            layers.append(ratios)
            cells = "".join(
                f"{ratios[rows]:>7.2f}" if rows in ratios else f"{'-':>7}" for rows in options.rows
            )
            print(f"{f'{hidden} x {out}, {bits} bits':<20}{cells}", flush=True)
    print("- was left out: packed products take long there, and unpacking had won clearly")
    print(f'"{options.backend}": {crossover(layers)}')


if __name__ == "__main__":
    main()
