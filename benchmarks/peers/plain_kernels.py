"""The kernels of embeddings/models/cuda_kernels.py in plain MLX: what they are compared with."""

from embeddings.backend import mx

__all__ = ["add_norm", "heads", "swiglu"]


def heads(
    qkv: mx.array,
    query_weight: mx.array,
    key_weight: mx.array,
    angles: mx.array,
    eps: float,
    *,
    queries: int,
    keys: int,
) -> tuple[mx.array, mx.array]:
    """Apply RMS norm and rotary embedding to each head of the queries and the keys."""
    length, size = angles.shape
    every = qkv.reshape(-1, length, queries + 2 * keys, size)
    weight = mx.concatenate([mx.tile(query_weight, (queries, 1)), mx.tile(key_weight, (keys, 1))])
    normed = mx.fast.rms_norm(every[:, :, : queries + keys], None, eps) * weight
    (cos, sin), (low, high) = mx.split(angles[:, None], 2, axis=-1), mx.split(normed, 2, axis=-1)
    turned = mx.concatenate([low * cos - high * sin, low * sin + high * cos], axis=-1).astype(qkv.dtype)
    turned = turned.reshape(-1, queries + keys, size)
    return turned[:, :queries], turned[:, queries:]


def add_norm(x: mx.array, y: mx.array, weight: mx.array, eps: float) -> tuple[mx.array, mx.array]:
    """Return x + y and its RMS norm."""
    return x + y, mx.fast.rms_norm(x + y, weight, eps)


def swiglu(gate_and_up: mx.array) -> mx.array:
    """Return silu(gate) * up of both side by side."""
    gate, up = mx.split(gate_and_up, 2, axis=-1)
    return gate * mx.sigmoid(gate) * up
