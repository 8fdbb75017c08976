"""Layers that the architectures share."""

from embeddings.blas import mx

__all__ = ["gelu", "layer_norm", "linear"]

# Rational approximation of erf on [-3.8325, 3.8325], highest power first; beyond, erf rounds to +-1 in fp32.
# Coefficients from Eigen's generic_fast_erf_float (MPL-2.0).
_ERF_LIMIT = 3.832506856900711
_ERF_OVER = (
    0.00022905065861350646,
    0.0034082910107109506,
    0.050955695062380861,
    0.18520832239976145,
    1.128379143519084,
)
_ERF_UNDER = (
    -1.1791602954361697e-7,
    0.000023547966471313185,
    0.0010179625278914885,
    0.014070470171167667,
    0.11098505178285362,
    0.49746925110067538,
    1.0,
)


def linear(x: mx.array, weight: mx.array, bias: mx.array) -> mx.array:
    """Affine map: x (..., I), weight (O, I), bias (O,) -> (..., O)."""
    return mx.addmm(bias, x, weight.T)


def layer_norm(x: mx.array, weight: mx.array, bias: mx.array, eps: float) -> mx.array:
    """Layer normalisation over the last axis (Ba et al. 2016, arXiv:1607.06450)."""
    return mx.fast.layer_norm(x, weight, bias, eps)


def gelu(x: mx.array) -> mx.array:
    """Exact GELU, x * Phi(x) (Hendrycks and Gimpel 2016, arXiv:1606.08415); never its tanh approximation."""
    return 0.5 * x * (1 + _erf(x * 0.5**0.5))


def _erf(x: mx.array) -> mx.array:
    """MLX's own erf where it is fast; on the CPU, where it is scalar, a rational function.

    Measured on 64 x 1536 floats: 2.85 ms against 0.53; largest error 4.5e-7 against 3.1e-7.
    """
    if mx.default_device().type != mx.DeviceType.cpu:
        return mx.erf(x)
    x = mx.clip(x, -_ERF_LIMIT, _ERF_LIMIT)
    square = x * x
    return x * _polynomial(_ERF_OVER, square) / _polynomial(_ERF_UNDER, square)


def _polynomial(coefficients: tuple[float, ...], x: mx.array) -> mx.array:
    total = coefficients[0] * x + coefficients[1]
    for coefficient in coefficients[2:]:
        total = total * x + coefficient
    return total
