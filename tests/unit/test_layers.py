"""Functions of the forward pass against independent ones."""

import math

import numpy as np
import pytest

from embeddings.blas import mx
from embeddings.models.layers import gelu, layer_norm, linear
from embeddings.pooling import first_token, last_token, mean, normalize

RANDOM = np.random.default_rng(0)


def test_gelu_is_exact() -> None:
    """Against erf in double precision: measured 1.1e-6, at |x| = 6, where fp32's last place is 5e-7."""
    x = np.linspace(-12, 12, 48_001, dtype=np.float32)
    expected = [float(v) * 0.5 * (1 + math.erf(float(v) / math.sqrt(2))) for v in x]
    assert np.abs(np.array(gelu(mx.array(x))) - expected).max() <= 3e-6


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gelu_keeps_nan_and_infinity(value: float) -> None:
    """A NaN must not be clamped to a number: the gate looks for it."""
    result = float(gelu(mx.array([value]))[0].item())  # type: ignore[arg-type]
    assert math.isnan(result) if math.isnan(value) else result == math.inf


def test_layer_norm_and_linear() -> None:
    x, weight, bias = (RANDOM.normal(size=shape).astype(np.float32) for shape in ((3, 5, 8), (8,), (8,)))
    centred = x - x.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3) * weight + bias
    found = layer_norm(mx.array(x), mx.array(weight), mx.array(bias), 1e-3)
    np.testing.assert_allclose(np.array(found), expected, atol=1e-5)
    matrix = RANDOM.normal(size=(4, 8)).astype(np.float32)
    found = linear(mx.array(x), mx.array(matrix), mx.array(bias[:4]))
    np.testing.assert_allclose(np.array(found), x @ matrix.T + bias[:4], atol=1e-5)


def test_pooling_by_hand() -> None:
    """Padding is never pooled: it is NaN here."""
    hidden = mx.array([[[1.0, 2.0], [3.0, 6.0], [math.nan, math.nan]], [[5.0, 5.0], [6.0, 7.0], [1.0, 0.0]]])
    lengths = mx.array([2, 3])
    np.testing.assert_allclose(np.array(mean(hidden, lengths)), [[2, 4], [4, 4]], atol=1e-6)
    np.testing.assert_array_equal(np.array(first_token(hidden, lengths)), [[1, 2], [5, 5]])
    np.testing.assert_array_equal(np.array(last_token(hidden, lengths)), [[3, 6], [1, 0]])


def test_normalize() -> None:
    vectors = mx.array([[3.0, 4.0], [0.0, 0.0]])
    np.testing.assert_allclose(np.array(normalize(vectors)), [[0.6, 0.8], [0.0, 0.0]], atol=1e-7)
