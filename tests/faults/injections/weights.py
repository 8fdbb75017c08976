"""What was loaded."""

from embeddings.blas import mx
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
    change_loaded_weights,
    scratch,
)

fault = faults_of("weights")
Weights = dict[str, mx.array]


def rounded(weight: mx.array, bits: int = 2) -> mx.array:
    """Return what so many bits leave of a matrix."""
    return mx.dequantize(*mx.quantize(weight, group_size=64, bits=bits), group_size=64, bits=bits)


@fault(
    "weights silently not loaded",
    "load",
    "one layer keeps its random initial weights",
    kills=("weights", "parity"),
    source="embeddings-benchmark/mteb#1717",
    random=True,
)
def weights_not_loaded(patch: Patch) -> None:
    def initial(loaded: Weights) -> Weights:
        return {
            name: 0.02 * mx.random.normal(weight.shape, key=mx.random.key(scratch.seed))
            for name, weight in loaded.items()
            if name.startswith("encoder.layer.3.") and name.endswith("dense.weight")
        }

    change_loaded_weights(patch, initial)


@fault(
    "quantized too far",
    "load",
    "every matrix is rounded to 2 bits",
    kills=("weights", "parity", "cohesion"),
    source="bobmatnyc/trusty-tools#3511",
)
def two_bits(patch: Patch) -> None:
    change_loaded_weights(
        patch, lambda loaded: {name: rounded(weight) for name, weight in loaded.items() if weight.ndim == 2}
    )
