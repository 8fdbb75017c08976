"""Layers that the architectures share. Float32 on a CPU uses cpu_kernels.py, all else uses MLX's own."""

from embeddings.backend import mx
from embeddings.models import cpu_kernels

__all__ = [
    "attention",
    "fairseq_positions",
    "gelu",
    "gelu_tanh",
    "layer_norm",
    "linear",
    "rms_norm",
    "rope",
    "silu",
]

# On a CPU attention stores the scores of all pairs of tokens, six times. So the queries of a longer text are
# computed in blocks. For a text of 4,096 tokens and 4 heads the memory is 0.41 GB instead of 1.6 GB.
BLOCK = 1024


def linear(x: mx.array, weight: mx.array, bias: mx.array | None) -> mx.array:
    """Apply an affine map: x (..., I), weight (O, I), bias (O,) -> (..., O).

    On a CPU mx.addmm first copies the bias into each row. A product and then a sum take 1.05 of its rate with
    MKL, and 1.00 with OpenBLAS (the whole embedded model, 256 texts of 32 tokens, 2 cores with AVX-512).
    """
    if bias is None:
        return x @ weight.T
    return x @ weight.T + bias if _slow(x) else mx.addmm(bias, x, weight.T)


def layer_norm(x: mx.array, weight: mx.array, bias: mx.array | None, eps: float) -> mx.array:
    """Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450)."""
    if _slow(x):
        return cpu_kernels.layer_norm(x, weight, bias, eps)
    return mx.fast.layer_norm(x, weight, bias, eps)


def rms_norm(x: mx.array, weight: mx.array, eps: float) -> mx.array:
    """Divide by the root mean square of the last axis (Zhang and Sennrich 2019, arXiv:1910.07467)."""
    return mx.fast.rms_norm(x, weight.astype(mx.float32), eps).astype(x.dtype)


def rope(x: mx.array, theta: float) -> mx.array:
    """Rotate each half of the width by the position: (B, H, T, D) (Su et al. 2021, arXiv:2104.09864)."""
    return mx.fast.rope(x, x.shape[-1], traditional=False, base=theta, scale=1.0, offset=0)


def gelu(x: mx.array) -> mx.array:
    """Exact GELU, x * Phi(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415); never its tanh approximation."""
    return cpu_kernels.gelu(x) if _slow(x) else 0.5 * x * (1 + mx.erf(x * 0.5**0.5))


def gelu_tanh(x: mx.array) -> mx.array:
    """The tanh approximation of GELU. 0.5 * (1 + tanh(y)) is the logistic function of 2 * y."""
    return x * mx.sigmoid(1.5957691216057308 * (x + 0.044715 * x * x * x))  # 2 * sqrt(2 / pi)


def silu(x: mx.array) -> mx.array:
    """SiLU, x times its logistic function (Elfwing et al. 2018, arXiv:1702.03118)."""
    return x * mx.sigmoid(x)


def attention(
    queries: mx.array, keys: mx.array, values: mx.array, *, scale: float, mask: mx.array | None
) -> mx.array:
    """Scaled dot-product attention over (B, H, T, D).

    mask: booleans, True if a query reads a key; or numbers that are added to the scores.
    """
    if not _slow(queries):
        return mx.fast.scaled_dot_product_attention(queries, keys, values, scale=scale, mask=mask)
    length, mixed = queries.shape[2], []
    if length <= BLOCK:
        return cpu_kernels.attention(queries, keys, values, scale=scale, mask=mask)
    for start in range(0, length, BLOCK):
        rows = slice(start, start + BLOCK)
        of_rows = mask if mask is None or mask.shape[-2] == 1 else mask[..., rows, :]
        mixed.append(cpu_kernels.attention(queries[:, :, rows], keys, values, scale=scale, mask=of_rows))
        mx.eval(mixed[-1])  # else MLX works ahead and holds the scores of many blocks at once
    return mx.concatenate(mixed, axis=2)


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
