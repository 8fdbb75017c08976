"""Faults in the loaded weights."""

from embeddings.backend import mx
from tests.faults.registry import TINY_QUANTIZED, Patch, faults_of
from tests.faults.seams import (
    change_loaded_weights,
    scratch,
)

fault = faults_of("weights")
Weights = dict[str, mx.array]


def rounded(weight: mx.array, bits: int = 2) -> mx.array:
    """Return a matrix rounded to the given number of bits."""
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


@fault(
    "eight bits where float32 was meant",
    "load",
    "every matrix is rounded to 8 bits",
    kills=("weights", "parity", "hidden state parity"),
    source="bobmatnyc/trusty-tools#3511",
)
def eight_bits(patch: Patch) -> None:
    change_loaded_weights(
        patch,
        lambda loaded: {name: rounded(weight, 8) for name, weight in loaded.items() if weight.ndim == 2},
    )


@fault(
    "weights rounded to bfloat16",
    "load",
    "a float32 checkpoint is kept in another precision, and computed in float32",
    kills=("weights", "parity"),
)
def bfloat16_weights(patch: Patch) -> None:
    change_loaded_weights(
        patch,
        lambda loaded: {name: one.astype(mx.bfloat16).astype(mx.float32) for name, one in loaded.items()},
    )


@fault("layers exchanged", "load", "the weights of two layers change places", kills=("weights", "parity"))
def layers_exchanged(patch: Patch) -> None:
    other = {"2": "3", "3": "2"}

    def exchanged(loaded: Weights) -> Weights:
        parts = {name: name.split(".") for name in loaded if name.startswith("encoder.layer.")}
        return {
            name: loaded[".".join([*path[:2], other[path[2]], *path[3:]])]
            for name, path in parts.items()
            if path[2] in other
        }

    change_loaded_weights(patch, exchanged)


@fault(
    "square matrix transposed",
    "load",
    "the values of one layer, of a shape that hides it",
    kills=("weights", "parity"),
)
def transposed(patch: Patch) -> None:
    name = "encoder.layer.2.attention.self.value.weight"
    change_loaded_weights(patch, lambda loaded: {name: mx.contiguous(loaded[name].T)})


@fault("vocabulary shifted", "load", "each token has the embedding of the next", kills=("weights", "parity"))
def vocabulary_shifted(patch: Patch) -> None:
    name = "embeddings.word_embeddings.weight"
    change_loaded_weights(patch, lambda loaded: {name: mx.concatenate([loaded[name][1:], loaded[name][:1]])})


@fault(
    "offsets of a quantized layer left out",
    "load",
    "one layer is unpacked with its scales alone, as by another scheme",
    kills=("weights",),
    source="lablup/mlxcel#291",
    model=TINY_QUANTIZED,
)
def offsets_left_out(patch: Patch) -> None:
    name = "layers.1.mlp.up_proj.biases"
    change_loaded_weights(patch, lambda loaded: {name: mx.zeros_like(loaded[name])})
