"""Functions of the forward pass against independent ones."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.polynomial import Polynomial
from numpy.typing import NDArray
from scipy.special import log_ndtr

from embeddings.backend import mx
from embeddings.models import cpu_kernels
from embeddings.models.layers import (
    attention,
    gelu,
    gelu_tanh,
    layer_norm,
    linear,
    rms_norm,
    rope,
    silu,
)
from embeddings.pooling import first_token, last_token, mean, normalize
from tests.reference import fit_cpu

Random = Callable[..., NDArray[np.float32]]

on_a_cpu = pytest.mark.skipif(
    mx.default_device().type != mx.DeviceType.cpu, reason="a GPU computes with MLX's own functions"
)


def test_gelu_is_exact() -> None:
    """Against erf in double precision: measured 7.1e-7 on a CPU; with MLX's erf 4.7e-7."""
    x = np.linspace(-20, 20, 80_001, dtype=np.float32)
    expected = [float(v) * 0.5 * math.erfc(-float(v) / math.sqrt(2)) for v in x]
    assert np.abs(np.array(gelu(mx.array(x))) - expected).max() <= 1.5e-6


def test_activations_of_gates() -> None:
    """Against double precision: measured 3.7e-7 for the tanh approximation of GELU, 1.4e-6 for SiLU."""
    x = np.linspace(-20, 20, 80_001, dtype=np.float32)
    wide = x.astype(float)
    tanh = 0.5 * wide * (1 + np.tanh(np.sqrt(2 / np.pi) * (wide + 0.044715 * wide**3)))
    assert np.abs(np.array(gelu_tanh(mx.array(x))) - tanh).max() <= 4e-6
    assert np.abs(np.array(silu(mx.array(x))) - wide / (1 + np.exp(-wide))).max() <= 4e-6


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_gelu_makes_no_number_of_nan_and_infinity(value: float) -> None:
    """The gate looks for them."""
    assert not math.isfinite(float(gelu(mx.array([value]))[0].item()))  # type: ignore[arg-type]


@pytest.fixture
def random() -> Random:
    """Draw normal numbers in a shape: the same in whatever order the tests run."""
    draw = np.random.default_rng(0)
    return lambda *shape: draw.normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("masked", [True, False])
def test_attention(masked: bool, random: Random) -> None:
    """Against NumPy in double precision, with scores down to -51: measured 3.5e-6, MLX's own 4.0e-6."""
    queries, keys, values = 2 * random(3, 4, 50, 32), 2 * random(3, 4, 50, 32), random(3, 4, 50, 32)
    real = (np.arange(50)[None] < np.array([50, 30, 1])[:, None])[:, None, None]
    scores = queries.astype(float) @ keys.astype(float).swapaxes(-1, -2) * 0.3
    scores = np.where(real, scores, -np.inf) if masked else scores
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    expected = weights / weights.sum(axis=-1, keepdims=True) @ values
    given = [mx.array(array) for array in (queries, keys, values)]
    found = attention(*given, scale=0.3, mask=mx.array(real) if masked else None)
    assert np.abs(np.array(found) - expected).max() <= 1e-5


def test_attention_never_reads_what_is_masked(random: Random) -> None:
    """Bit for bit the same whatever stands there, a score far above the real ones included."""
    queries, keys, values = random(1, 2, 8, 16), random(1, 2, 8, 16), random(1, 2, 8, 16)
    mask = mx.arange(8) < 5
    other, what = keys.copy(), values.copy()
    other[:, :, 5:], what[:, :, 5:] = 100, 1e6
    one, another = (
        np.array(attention(mx.array(queries), mx.array(k), mx.array(v), scale=1.0, mask=mask))
        for k, v in ((keys, values), (other, what))
    )
    np.testing.assert_array_equal(one, another)


@on_a_cpu
def test_power_of_two() -> None:
    """Relative error, down to the least normal float: measured 1.9e-7; what is below is next to nothing."""
    x = np.linspace(-126, 0, 100_001, dtype=np.float32)
    found = np.array(cpu_kernels._exp2(mx.array(x)))
    assert np.abs(found / np.exp2(x.astype(float)) - 1).max() <= 4e-7
    beyond = np.array(cpu_kernels._exp2(mx.array([-math.inf, -1e9, math.nan])))
    assert (beyond[:2] <= 2e-38).all()
    assert math.isnan(beyond[2])


def error_of_tail(coefficients: Sequence[float]) -> float:
    t = np.linspace(0, 20, 400_001)
    return float(np.abs(t / Polynomial(coefficients)(t) ** 32 - t * np.exp(log_ndtr(-t))).max())


def error_of_exp2(coefficients: Sequence[float]) -> float:
    f = np.linspace(-0.5, 0.5, 200_001)
    return float(np.abs(Polynomial(coefficients)(f) / np.exp2(f) - 1).max())


@pytest.mark.parametrize(
    ("error_of", "ours", "fit", "threshold"),
    [
        (
            error_of_tail,
            cpu_kernels._NORMAL_TAIL,
            fit_cpu.normal_tail,
            1.9e-7,
        ),  # 1.87e-7; the least is 1.21e-7
        (error_of_exp2, cpu_kernels._EXP2, fit_cpu.exp2, 1.2e-7),  # 1.15e-7; the least is 7.5e-8
    ],
)
def test_the_polynomials_are_as_near_as_they_can_be(
    error_of: Callable[[Sequence[float]], float],
    ours: Sequence[float],
    fit: Callable[[], Sequence[float]],
    threshold: float,
) -> None:
    """By their largest error in float64, on a grid finer than that of the fit.

    The threshold is the error of ours, rounded up. The fit finds the least, so its error is no larger than
    ours. Ours is less than twice the least, which is a bit of a float32.
    """
    least = error_of(fit())
    assert least < error_of(ours) <= threshold
    assert error_of(ours) < 2 * least


def test_layer_norm_and_linear(random: Random) -> None:
    x, weight, bias = random(3, 5, 8), random(8), random(8)
    centred = x - x.mean(axis=-1, keepdims=True)
    expected = centred / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3) * weight + bias
    found = layer_norm(mx.array(x), mx.array(weight), mx.array(bias), 1e-3)
    np.testing.assert_allclose(np.array(found), expected, atol=1e-5)
    matrix = random(4, 8)
    found = linear(mx.array(x), mx.array(matrix), mx.array(bias[:4]))
    np.testing.assert_allclose(np.array(found), x @ matrix.T + bias[:4], atol=1e-5)


def test_layers_without_a_bias(random: Random) -> None:
    x, weight, matrix = random(3, 5, 8), random(8), random(4, 8)
    centred = (x - x.mean(axis=-1, keepdims=True)) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-3)
    found = layer_norm(mx.array(x), mx.array(weight), None, 1e-3)
    np.testing.assert_allclose(np.array(found), centred * weight, atol=1e-5)
    found = linear(mx.array(x), mx.array(matrix), None)
    np.testing.assert_allclose(np.array(found), x @ matrix.T, atol=1e-5)
    found = rms_norm(mx.array(x), mx.array(weight), 1e-3)
    expected = x / np.sqrt(np.square(x).mean(axis=-1, keepdims=True) + 1e-3) * weight
    np.testing.assert_allclose(np.array(found), expected, atol=1e-5)


def test_rotations(random: Random) -> None:
    """Number i of the first half and of the second half are turned by position / theta ** (2 i / D)."""
    x = random(1, 2, 40, 8)
    turned = np.arange(40)[:, None] * 50.0 ** (-np.arange(4) / 4)
    pairs = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * turned)
    found = np.array(rope(mx.array(x), 50.0))
    np.testing.assert_allclose(found, np.concatenate([pairs.real, pairs.imag], axis=-1), atol=1e-5)


@pytest.mark.parametrize("mask", [0.0, -3.0, -math.inf])
def test_a_mask_of_numbers_is_added_to_the_scores(mask: float, random: Random) -> None:
    queries, keys, values = random(1, 2, 6, 8), random(1, 2, 6, 8), random(1, 2, 6, 8)
    added = np.where(np.arange(6) < 4, 0.5, mask).astype(np.float32)
    scores = queries.astype(float) @ keys.swapaxes(-1, -2) * 0.3 + added
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True))
    expected = weights / weights.sum(axis=-1, keepdims=True) @ values
    given = [mx.array(array) for array in (queries, keys, values)]
    found = attention(*given, scale=0.3, mask=mx.array(added))
    np.testing.assert_allclose(np.array(found), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1, 40), (1, 2, 40, 40)])
def test_blocks_of_a_long_text_change_nothing(
    shape: tuple[int, ...], random: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Products of other shapes are rounded otherwise: 2.5e-7 with kernels of Haswell, 0 with others."""
    given, mask = [mx.array(random(1, 2, 40, 8)) for _ in range(3)], mx.array(random(*shape) > -1)
    whole = np.array(attention(*given, scale=0.3, mask=mask))
    monkeypatch.setattr("embeddings.models.layers.BLOCK", 16)
    np.testing.assert_allclose(np.array(attention(*given, scale=0.3, mask=mask)), whole, atol=2e-6)


@on_a_cpu
def test_memory_of_a_long_text_grows_with_its_length_not_its_square(
    random: Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("embeddings.models.layers.BLOCK", 256)

    def peak(length: int) -> int:
        given = [mx.array(random(1, 1, length, 4)) for _ in range(3)]
        mx.eval(given)
        mx.clear_cache()
        held = mx.get_active_memory()
        mx.reset_peak_memory()
        mx.eval(attention(*given, scale=0.3, mask=None))
        return mx.get_peak_memory() - held

    assert peak(1024) < 2.6 * peak(512)  # measured 2.0; at once it is 4


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
