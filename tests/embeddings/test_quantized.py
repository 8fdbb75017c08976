"""Quantized weights: few rows and many give the same, and unpacking is that of MLX."""

from typing import Any

import numpy as np
import pytest

import embeddings
from embeddings.backend import mx, nn
from embeddings.models import Decoder
from embeddings.models.quantized import ManyRowsLinear, for_many_rows, unpacked, unpacked_product
from tests.support.tiny_decoders import FOUR_BITS, TEXTS


def test_many_and_few_rows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking a weight inside the call gives what MLX's quantized product gives."""
    found, asked = list[np.ndarray](), list[int]()

    def counted(*parts: mx.array, **packing: Any) -> mx.array:
        asked[-1] += 1
        return unpacked(*parts, **packing)

    monkeypatch.setattr("embeddings.models.quantized.unpacked", counted)
    for crossover in (1, None):
        asked.append(0)
        table = dict.fromkeys(("cpu", "cuda", "metal"), crossover)
        monkeypatch.setattr("embeddings.models.quantized.CROSSOVER", table)
        found.append(embeddings.load(FOUR_BITS).encode(TEXTS))
    np.testing.assert_allclose(found[0], found[1], atol=1e-5)
    assert asked[0] > 0 == asked[1]  # two ways indeed


def test_the_number_of_rows_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of all texts together: 7 are few, 8 are many."""
    monkeypatch.setattr("embeddings.models.quantized.CROSSOVER", dict.fromkeys(("cpu", "cuda", "metal"), 8))
    asked: list[int] = []
    monkeypatch.setattr("embeddings.models.quantized.unpacked", lambda *_, **__: asked.append(1))
    model = embeddings.load(FOUR_BITS).model
    model(mx.zeros((7, 1), dtype=mx.int32), mx.ones((7,), dtype=mx.int32))
    assert not asked
    with pytest.raises(AttributeError):
        model(mx.zeros((4, 2), dtype=mx.int32), mx.full((4,), 2))
    assert asked


def test_narrow_layers_are_always_unpacked_on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLX's own product is wrong there for rows of 64 numbers: the width of this model's states."""
    for backend, expected in (("cuda", {0, 1024 * 128}), ("cpu", {8 * 64, 8 * 128})):
        model = embeddings.load(FOUR_BITS).model
        assert isinstance(model, Decoder)
        monkeypatch.setattr("embeddings.models.quantized.backend", lambda name=backend: name)
        for _, module in model.trunk.named_modules():
            if isinstance(module, ManyRowsLinear):
                module.__class__ = nn.layers.quantized.QuantizedLinear  # type: ignore[assignment]
        for_many_rows(model.trunk)
        sizes = {m.least_size for _, m in model.trunk.named_modules() if isinstance(m, ManyRowsLinear)}
        assert sizes == expected
        monkeypatch.undo()


def drawn(*shape: int) -> mx.array:
    """Draw normal numbers, the same in each run: MLX's own seed is the time of day."""
    return mx.random.normal(shape, key=mx.random.key(0))


@pytest.mark.parametrize("bits", [2, 3, 4, 5, 6, 8])
@pytest.mark.parametrize("precision", [mx.float32, mx.bfloat16])
def test_unpacking_is_that_of_mlx(bits: int, precision: mx.Dtype) -> None:
    """By shifts where the bits divide a word; by MLX itself where they do not."""
    parts = mx.quantize(drawn(24, 192).astype(precision), group_size=64, bits=bits)
    ours = unpacked(*parts, group_size=64, bits=bits)
    assert ours.dtype == precision
    assert mx.array_equal(ours, mx.dequantize(*parts, group_size=64, bits=bits))


@pytest.mark.parametrize(("cores", "parts"), [(1, [40]), (2, [20, 20]), (3, [14, 14, 12]), (9, [8] * 5)])
@pytest.mark.parametrize("mode", ["affine", "mxfp4"])
def test_each_core_unpacks_a_part_of_the_rows(
    cores: int, parts: list[int], mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of at least eight rows; together they give the product of the whole matrix."""
    module = "embeddings.models.quantized"
    found: list[int] = []

    def counted(words: mx.array, *parts: mx.array, **packing: Any) -> mx.array:
        found.append(len(words))
        return unpacked(words, *parts, **packing)

    monkeypatch.setattr(f"{module}.unpacked", counted)
    monkeypatch.setattr(f"{module}.LEAST_PART", 8)
    monkeypatch.setattr(f"{module}.CORE_STREAMS", [mx.new_thread_local_stream(mx.cpu) for _ in range(cores)])
    monkeypatch.setattr(f"{module}.backend", lambda: "cpu")
    packing: dict[str, Any] = {"group_size": 32, "bits": 4, "mode": mode}
    words, scales, *rest = mx.quantize(drawn(40, 64), **packing)
    biases, x = (rest[0] if rest else None), drawn(3, 9, 64)
    product = unpacked_product(x, words, scales, biases, **packing)
    whole = x @ unpacked(words, scales, biases, **packing).astype(x.dtype).T
    assert found == parts
    np.testing.assert_allclose(np.array(product), np.array(whole), atol=1e-5)
