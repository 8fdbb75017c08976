"""The fused trunk of Qwen3 beside mlx-lm's, with the same weights. Its kernels are tested on CUDA only."""

from pathlib import Path

import numpy as np
import pytest

import embeddings
from benchmarks.peers import plain_kernels
from embeddings.backend import mx
from embeddings.models import cuda_kernels
from embeddings.models.decoder import Decoder
from embeddings.models.fused_qwen3 import FusedQwen3
from embeddings.models.quantized import backend
from tests.support.tiny_decoders import FLOAT, FOUR_BITS

IDS = np.random.default_rng(0).integers(1, 256, size=(3, 17)).astype(np.int32)


@pytest.mark.parametrize("folder", [FLOAT, FOUR_BITS], ids=["float32", "4 bits"])
def test_it_computes_what_the_trunk_computes(folder: Path) -> None:
    model = embeddings.load(folder).model
    assert isinstance(model, Decoder)
    before = {name: np.array(weight) for name, weight in model.weights.items()}
    expected = np.array(model.trunk(mx.array(IDS)))
    fused = FusedQwen3(model.trunk, plain_kernels)
    assert np.abs(np.array(fused(mx.array(IDS))) - expected).max() < 1e-5
    assert before.keys() == model.weights.keys()
    for name, weight in model.weights.items():  # parts of the joined weights, under their names
        np.testing.assert_array_equal(before[name], np.array(weight))
    np.testing.assert_allclose(np.array(model.trunk(mx.array(IDS))), expected, atol=1e-6)


@pytest.mark.skipif(backend() != "cuda", reason="the kernels are CUDA's")
@pytest.mark.parametrize(("precision", "threshold"), [(mx.float32, 5e-6), (mx.bfloat16, 0.04)])
def test_the_kernels_compute_what_plain_mlx_computes(precision: mx.Dtype, threshold: float) -> None:
    """Of bfloat16 numbers up to 5 the spacing is 0.03."""
    keys = iter(mx.random.split(mx.random.key(0), 8))

    def random(*shape: int) -> mx.array:
        return mx.random.normal(shape, key=next(keys)).astype(precision)

    eps = 1e-6
    angle = mx.arange(24, dtype=mx.float32)[:, None] * 1e6 ** -(mx.arange(64) / 64)
    angles = mx.concatenate([mx.cos(angle), mx.sin(angle)], axis=1)
    qkv, query_weight, key_weight = random(48, 32 * 128), random(128), random(128)
    x, y, weight, gate_and_up = random(48, 1024), random(48, 1024), random(1024), random(48, 6144)
    for module in (cuda_kernels, plain_kernels):
        rotated = module.heads(qkv, query_weight, key_weight, angles, eps, queries=16, keys=8)
        found = [*rotated, *module.add_norm(x, y, weight, eps), module.swiglu(gate_and_up)]
        if module is cuda_kernels:
            expected = [np.array(array.astype(mx.float32)) for array in found]
    for one, other in zip(expected, found, strict=True):
        assert np.abs(one - np.array(other.astype(mx.float32))).max() < threshold
