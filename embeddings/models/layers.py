"""Layers that the architectures share. Float32 on a CPU uses cpu_kernels.py, all else uses MLX's own."""

from embeddings.backend import mx
from embeddings.models import cpu_kernels

__all__ = ["attention", "fairseq_positions", "gelu", "layer_norm", "linear"]


def linear(x: mx.array, weight: mx.array, bias: mx.array) -> mx.array:
    """Apply an affine map: x (..., I), weight (O, I), bias (O,) -> (..., O)."""
    return mx.addmm(bias, x, weight.T)


def layer_norm(x: mx.array, weight: mx.array, bias: mx.array, eps: float) -> mx.array:
    """Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450)."""
    return (
        cpu_kernels.layer_norm(x, weight, bias, eps) if _slow(x) else mx.fast.layer_norm(x, weight, bias, eps)
    )


def gelu(x: mx.array) -> mx.array:
    """Exact GELU, x * Phi(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415); never its tanh approximation."""
    return cpu_kernels.gelu(x) if _slow(x) else 0.5 * x * (1 + mx.erf(x * 0.5**0.5))


def attention(
    queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: mx.array | None
) -> mx.array:
    """Scaled dot-product attention over (B, H, T, D).

    mask: booleans, True if a query reads a key; or numbers that are added to the scores.
    """
    if _slow(queries):
        return cpu_kernels.attention(queries, keys, values, scale=scale, mask=mask)
    return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=mask)


def fairseq_positions(ids: mx.array, padding: int) -> mx.array:
    """Number the tokens of each text from padding + 1: ids (B, T) -> positions (B, T).

    A token with the id of the padding gets the position ``padding`` and is not counted. A text may contain
    such a token, so this is done by the ids and not by the lengths
    (https://github.com/facebookresearch/fairseq, utils.make_positions).
    """
    real = ids != padding
    return mx.cumsum(real.astype(mx.int32), axis=1) * real + padding


def _slow(x: mx.array) -> bool:
    """Return whether MLX computes functions of this array one number at a time."""
    return x.dtype == mx.float32 and mx.default_device().type == mx.DeviceType.cpu
