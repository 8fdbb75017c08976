"""Describes a loaded model of the library: by all that changes its vectors, and by its size."""

import hashlib
from typing import Any

import numpy as np

from embeddings.backend import mx
from embeddings.embedder import Embedder

__all__ = ["bits_and_bytes", "identity_of"]


def identity_of(encoder: Embedder, precision: str) -> dict[str, Any]:
    """Return what is known of a model by all that changes its vectors (see reindex/identity.py)."""
    inputs = encoder.inputs("", normalize=True, dimensions=encoder.dimension)
    parts = "architecture pooling modules causal end_token max_tokens".split()
    rest = [getattr(inputs, name) for name in parts]
    return {
        "weights": inputs.weights.hex(),
        "tokenizer": inputs.tokenizer.hex(),
        "encoding": hashlib.sha256(repr(rest).encode()).hexdigest(),
        "dtype": precision,
        "prompts": dict(encoder.recipe.prompts),
        "versions": {"library": inputs.code.hex(), "numpy": np.__version__},
        "device": inputs.arithmetic,
    }


def bits_and_bytes(encoder: Embedder) -> tuple[float, int]:
    """Return bits of a weight, on average with the scales of packed ones, and bytes of all, as loaded."""
    quantization = encoder.model.config.quantization
    size = count = 0
    for name, weight in {**encoder.model.weights, **encoder.after.weights}.items():
        size += weight.nbytes
        layer, packed = name.removesuffix(".weight"), weight.dtype == mx.uint32
        if packing := quantization.of(layer, packed=True) if quantization and packed else None:
            count += weight.size * 32 // packing.bits
        elif not name.endswith((".scales", ".biases")):
            count += weight.size
    return 8 * size / count, size
