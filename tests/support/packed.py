"""Packs matrices by MLX, as mlx-lm and mlx-embeddings convert a checkpoint, layer by layer."""

from collections.abc import Callable, Mapping
from typing import Any

from embeddings.backend import mx, nn

__all__ = ["Choose", "pack"]

Arrays = dict[str, mx.array]
Choose = Callable[[str], dict[str, Any] | None]  # name of a layer -> how it is packed, or None
SMALLEST_GROUP = 32  # weights that share a scale: a row of another length cannot be packed


def pack(weights: Mapping[str, mx.array], choose: Choose) -> tuple[Arrays, Arrays, dict[str, Any]]:
    """Return packed weights, what they stand for, and what config.json says of them as ``quantization``."""
    found, plain, said = Arrays(), Arrays(), dict[str, Any]()
    for weight, array in weights.items():
        layer = weight.removesuffix(".weight")
        matrix = array.ndim == 2 and array.shape[1] % SMALLEST_GROUP == 0
        chosen = choose(layer) if matrix and mx.issubdtype(array.dtype, mx.floating) else None
        if chosen is None:
            found[weight] = plain[weight] = array
            continue
        made = nn.Embedding(*array.shape)  # type: ignore[attr-defined]
        made.weight = array
        parts = made.to_quantized(**chosen).parameters()
        found |= {f"{layer}.{part}": parts[part] for part in parts}
        plain[weight] = mx.dequantize(
            parts["weight"], parts["scales"], parts.get("biases"), **chosen, dtype=mx.float32
        )
        said[layer] = chosen
    default = next(iter(said.values()))
    return found, plain, default | {layer: chosen for layer, chosen in said.items() if chosen != default}
