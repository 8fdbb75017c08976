"""The fused trunk of Qwen3 beside mlx-lm's, with the same weights. Its kernels are tested on CUDA only."""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddings
from benchmarks.peers import plain_kernels
from embeddings.backend import mx, nn
from embeddings.models import cuda_kernels
from embeddings.models.decoder import FUSED_FROM, STEP, Decoder
from embeddings.models.fused_qwen3 import FusedQwen3
from embeddings.models.quantized import backend, for_many_rows
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


SMALL = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
    "head_dim": 128,
}


def trunk(family: str = "qwen3", **changes: int) -> Any:
    """Make mlx-lm's trunk of one layer, with random weights."""
    module = import_module(f"mlx_lm.models.{family}")
    sizes = {**SMALL, **changes, "num_hidden_layers": 1, "vocab_size": 8, "max_position_embeddings": 64}
    values = {"rms_norm_eps": 1e-6, "rope_theta": 1e6, "tie_word_embeddings": True}
    mx.random.seed(0)
    return module.Model(module.ModelArgs(model_type=family, **sizes, **values)).model


CUDA = pytest.mark.skipif(backend() != "cuda", reason="the kernels are CUDA's")


@pytest.mark.parametrize(
    ("kernels", "precision", "threshold"),
    [
        (plain_kernels, mx.float32, 1e-5),
        pytest.param(cuda_kernels, mx.float32, 1e-4, marks=CUDA),
        pytest.param(cuda_kernels, mx.bfloat16, 0.1, marks=CUDA),
    ],
)
@pytest.mark.parametrize("width", [64, 512])
@pytest.mark.parametrize("rows", [8, 2048])
def test_heads_of_128_numbers_in_4_bits(
    kernels: Any, precision: mx.Dtype, threshold: float, width: int, rows: int
) -> None:
    """Packed products and unpacked ones, and layers so narrow that CUDA's packed product is wrong.

    On a CPU in float32 the two are at most 1.9e-6 apart.
    """
    one = trunk(hidden_size=width)
    nn.layers.quantized.quantize(one, group_size=64, bits=4)
    one.set_dtype(precision)
    for_many_rows(one)
    ids = mx.array(np.random.default_rng(0).integers(8, size=(rows // 8, 8)).astype(np.int32))
    expected = np.array(one(ids).astype(mx.float32))
    found = np.array(FusedQwen3(one, kernels)(ids).astype(mx.float32))
    assert float(np.abs(found - expected).max()) < threshold


@CUDA
@pytest.mark.parametrize(("precision", "threshold"), [(mx.float32, 5e-6), (mx.bfloat16, 2**-6)])
def test_the_kernels_compute_what_plain_mlx_computes(precision: mx.Dtype, threshold: float) -> None:
    """bfloat16 keeps 8 bits of a number. One rounding more on either side moves it by 2^-7 of itself."""
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
        plain = np.array(other.astype(mx.float32))
        assert (np.abs(one - plain) / np.maximum(np.abs(plain), 1)).max() <= threshold


@pytest.mark.parametrize("held", [False, True])
def test_the_joined_weights_take_the_place_of_the_separate_ones(held: bool) -> None:
    """If someone holds the separate ones, both are in memory."""
    model = embeddings.load(FOUR_BITS).model
    assert isinstance(model, Decoder)
    separate = model.weights if held else {}
    before = mx.get_active_memory()
    fused = FusedQwen3(model.trunk, plain_kernels)
    mx.eval(fused(mx.array(IDS)))
    layers = sum(weight.nbytes for name, weight in model.weights.items() if name.startswith("layers."))
    assert (mx.get_active_memory() - before > layers / 10) is held
    assert len(separate) == held * len(model.weights)


def test_a_decoder_takes_over_its_weights() -> None:
    """Whoever still held them would keep the separate ones in memory beside the joined ones."""
    model = embeddings.load(FLOAT).model
    assert isinstance(model, Decoder)
    weights = model.weights
    Decoder(model.config, weights)
    assert not weights


def test_many_tokens_go_through_the_fused_trunk_and_few_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A long text goes in steps, and a decoder that reads both ways has other masks."""
    monkeypatch.setattr("embeddings.models.decoder.backend", lambda: "cuda")
    monkeypatch.setattr(FusedQwen3, "fits", lambda _: True)
    monkeypatch.setattr("embeddings.models.decoder.cuda_kernels", plain_kernels)
    model = embeddings.load(FLOAT).model
    assert isinstance(model, Decoder)
    assert model.fused is not None
    asked: list[mx.array] = []
    whole = FusedQwen3.__call__

    def noted(self: FusedQwen3, ids: mx.array) -> mx.array:
        asked.append(ids)
        return whole(self, ids)

    monkeypatch.setattr(FusedQwen3, "__call__", noted)
    for shape, fused in (
        ((FUSED_FROM // 16, 16), True),
        ((FUSED_FROM // 16 - 1, 16), False),
        ((1, STEP + 1), False),
    ):
        ids = mx.array(np.random.default_rng(1).integers(1, 256, size=shape).astype(np.int32))
        hidden = model(ids, mx.full((shape[0],), shape[1], dtype=mx.int32))
        assert len(asked) == fused
        np.testing.assert_allclose(hidden, model.trunk(ids), atol=1e-5)
        asked.clear()
    assert Decoder(model.config, model.weights, causal=False).fused is None


@pytest.mark.parametrize(
    ("family", "change", "fits"),
    [
        ("qwen3", {}, True),
        ("qwen3", {"head_dim": 64}, False),
        ("qwen3", {"num_attention_heads": 8}, False),
        ("qwen3", {"hidden_size": 68}, False),
        ("llama", {}, False),
    ],
)
def test_which_trunks_fit(family: str, change: dict[str, int], fits: bool) -> None:
    assert FusedQwen3.fits(trunk(family, **change)) is fits


def test_matrices_that_are_packed_in_two_ways_are_not_joined() -> None:
    mixed = trunk()
    nn.layers.quantized.quantize(mixed, class_predicate=lambda name, _: name.endswith("q_proj"))
    assert not FusedQwen3.fits(mixed)


def test_a_float_format_is_joined_too() -> None:
    """It has no offsets."""
    one = trunk()
    nn.layers.quantized.quantize(one, group_size=32, bits=4, mode="mxfp4")
    for_many_rows(one)
    assert FusedQwen3.fits(one)
    expected = np.array(one(mx.array(IDS % 8)))
    np.testing.assert_allclose(FusedQwen3(one, plain_kernels)(mx.array(IDS % 8)), expected, atol=1e-5)
