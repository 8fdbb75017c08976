"""Random weights: exact shapes, known statistics, and the same for one name on every machine."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddings
from embeddings.backend import mx
from embeddings.folder import ModelFolder
from embeddings.models import Decoder, DecoderConfig
from embeddings.models.quantization import Packing, Quantization
from embeddings.synthetic import config_of, random_weights
from embeddings.synthetic import models as synthetic

# The weights


def described(name: str, folder: Path) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    (folder / "config.json").write_text(json.dumps(config_of(name)))
    return Decoder.described(DecoderConfig.read(ModelFolder(folder, name)))


@pytest.mark.parametrize(
    ("size", "parameters", "packed_gb"),
    # Parameters as mteb's model metadata counts them in the checkpoints; gigabytes of 4.5 and 8.5 bits each.
    [("0.6b", 595_776_512, 0.335), ("4b", 4_021_774_336, 2.263), ("8b", 7_567_295_488, 4.257)],
)
def test_shapes(size: str, parameters: int, packed_gb: float, tmp_path: Path) -> None:
    shapes, packed = described(f"synthetic:qwen3-embedding-{size}", tmp_path)
    assert sum(math.prod(shape) for shape in shapes.values()) == parameters
    assert not packed
    shapes, packed = described(f"synthetic:qwen3-embedding-{size}-4bit", tmp_path)
    assert len(packed) == 7 * config_of(f"synthetic:qwen3-embedding-{size}")["num_hidden_layers"] + 1
    stored = sum(math.prod(shape) * (4 if name in packed else 2) for name, shape in shapes.items())
    assert stored / 1e9 == pytest.approx(packed_gb, abs=0.001)


MATRIX = "layers.0.mlp.down_proj"


def made(name: str, bits: int | None, rows: int = 512, columns: int = 1024) -> dict[str, mx.array]:
    """Make a matrix, a table and a norm of a model of that name."""
    shapes: dict[str, tuple[int, ...]] = {"norm.weight": (4096,)}
    packed: set[str] = set()
    for owner in (MATRIX, "layers.1.mlp.down_proj", "embed_tokens"):
        if bits is None:
            shapes[f"{owner}.weight"] = (rows, columns)
        else:
            packed.add(f"{owner}.weight")
            shapes[f"{owner}.weight"] = (rows, columns * bits // 32)
            shapes[f"{owner}.scales"] = shapes[f"{owner}.biases"] = (rows, columns // 64)
    packing = Quantization(Packing(64, bits), {}) if bits else None
    return random_weights(name, shapes, packed, packing, precision=mx.float32)


def unpacked(weights: Mapping[str, mx.array], owner: str, bits: int | None) -> np.ndarray[Any, Any]:
    weight = weights[f"{owner}.weight"]
    if bits is None:
        return np.array(weight)
    parts = weight, weights[f"{owner}.scales"], weights[f"{owner}.biases"]
    return np.array(mx.dequantize(*parts, group_size=64, bits=bits))


@pytest.mark.parametrize("bits", [4, 8, None])
def test_statistics(bits: int | None) -> None:
    """Mean 0, standard deviation 1 / sqrt(columns), of the embedding table 1; norms round 1."""
    weights = made("synthetic:statistics", bits)
    for owner, deviation in ((MATRIX, 1 / 32), ("embed_tokens", 1.0)):
        matrix = unpacked(weights, owner, bits) / deviation
        assert matrix.shape == (512, 1024)
        assert abs(matrix.mean()) < 0.01  # measured 2.8e-3: scale and bias are rounded to bf16
        assert abs(matrix.std() - 1) < 0.006  # measured 1.5e-3
        assert np.abs(np.corrcoef(matrix[:64]) - np.eye(64)).max() < 0.2  # of rows; measured 0.14
        assert matrix.max() == pytest.approx(math.sqrt(3), abs=0.2)  # uniform; measured 0.11 at 4 bits
    norm = np.array(weights["norm.weight"])
    assert abs(norm.mean() - 1) < 0.005  # measured 1.1e-3
    assert abs(norm.std() - 0.1) < 0.004  # measured 9e-4


@pytest.mark.parametrize("bits", [4, None])
def test_weights_depend_on_the_name_alone(bits: int | None) -> None:
    """The same twice and in every process; another layer, table or model has others."""
    one, again, other = (made(f"synthetic:{name}", bits) for name in ("one", "one", "other"))
    for name, weight in one.items():
        np.testing.assert_array_equal(np.array(weight), np.array(again[name]))
        if not name.endswith((".scales", ".biases")):
            assert (np.array(weight) != np.array(other[name])).mean() > 0.9
    first, second, table = (
        np.array(one[f"{owner}.weight"]) for owner in (MATRIX, "layers.1.mlp.down_proj", "embed_tokens")
    )
    assert (first != second).mean() > 0.9
    assert (first != table).mean() > 0.9
    assert (first[0] != first[1]).mean() > 0.9
    if bits:
        assert first[0, :2].tolist() == [43_497_427, 2_949_242_119]  # for good, on every machine


def test_more_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is large enough that the two sizes differ in the digit that is shown."""
    monkeypatch.setattr(synthetic, "memory_bytes", lambda: 2 * 10**8)
    table = {"embed_tokens.weight": (64_000, 1024)}
    random_weights("synthetic:table", table, (), None, precision=None)  # 0.13 GB in bf16
    with pytest.raises(
        embeddings.ModelError, match=r"0\.3 GB with floats of 32 bits, this machine has 0\.2 GB; .*-4bit"
    ):
        random_weights("synthetic:table", table, (), None, precision=mx.float32)
    monkeypatch.undo()
    assert 10**9 < synthetic.memory_bytes() < 10**14
