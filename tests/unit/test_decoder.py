"""The decoder trunk beside transformers' Qwen3Model, on a tiny random checkpoint of the real layout."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embeddings.blas import mx
from embeddings.errors import FixtureError
from embeddings.models.decoder import Decoder
from tests import harness

FLOAT, FOUR_BITS = harness.FIXTURES / "tiny-qwen3", harness.FIXTURES / "tiny-qwen3-4bit"
LENGTHS = (1, 2, 17, 64, 300, 4096)


def strays(folder: Path, length: int) -> float:
    """How far hidden states stray from the goldens."""
    golden = load_file(folder / "golden.safetensors")
    model = embeddings.load(folder).model
    ids = golden[f"ids.{length}"]
    hidden = np.array(model(mx.array(ids[None]), mx.array([length])))[0]
    return float(np.abs(hidden[golden[f"positions.{length}"]] - golden[f"hidden.{length}"]).max())


@pytest.mark.parametrize(
    ("folder", "length"),
    [*((FLOAT, length) for length in LENGTHS), *((FOUR_BITS, length) for length in LENGTHS[:-1])],
)
def test_parity(folder: Path, length: int) -> None:
    """Grouped-query attention, q and k norm, positions up to 4,096, names with and without a prefix."""
    assert strays(folder, length) < 2e-5  # measured 6e-7 for one token to 5.1e-6 for 4,096; states reach 5


TEXTS = ["a", "a longer text of some words", "né 日本", "x" * 70, ""]


def test_official_recipe() -> None:
    """One end token, the last real token pooled, length 1, the instruction before queries alone."""
    model = embeddings.load(FLOAT)
    tokens = model.tokenize(TEXTS)
    for ids in tokens.ids:
        assert ids[-1] == 256
        assert (ids[:-1] != 256).all()
    vectors = model.encode(TEXTS)
    for vector, states in zip(vectors, model.hidden_states(TEXTS), strict=True):
        np.testing.assert_allclose(vector, states[-1] / np.linalg.norm(states[-1]), atol=1e-6)
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a"
    np.testing.assert_allclose(model.encode(["a"], prompt="query"), model.encode([asked]), atol=1e-6)
    np.testing.assert_allclose(model.encode(["a"], prompt="document"), vectors[:1], atol=1e-6)


@pytest.mark.parametrize("folder", [FLOAT, FOUR_BITS], ids=["float32", "4 bits"])
def test_a_vector_does_not_depend_on_its_batch(folder: Path) -> None:
    model = embeddings.load(folder)
    alone = np.concatenate([model.encode([text]) for text in TEXTS])
    for budget in (8, 100, 1 << 20):
        np.testing.assert_allclose(model.encode(TEXTS, batch_tokens=budget), alone, atol=2e-6)


def test_causality() -> None:
    """No token sees what follows it; without the causal mask each sees all, and no padding."""
    model = embeddings.load(FLOAT)
    ids = mx.array([[1, 2, 3, 4], [1, 2, 3, 9]])
    lengths = mx.array([4, 4])
    hidden = np.array(model.model(ids, lengths))
    np.testing.assert_allclose(hidden[0, :3], hidden[1, :3], atol=1e-6)
    assert isinstance(model.model, Decoder)
    both_ways = Decoder(model.model.config, model.model.weights, causal=False)
    hidden = np.array(both_ways(ids, lengths))
    assert np.abs(hidden[0, 0] - hidden[1, 0]).max() > 0.01
    short = np.array(both_ways(ids[:1, :3], mx.array([3])))
    padded = np.array(both_ways(ids[:1], mx.array([3])))
    np.testing.assert_allclose(padded[:, :3], short, atol=1e-5)


def test_many_and_few_rows_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking a weight inside the call gives what MLX's quantized product gives."""
    model = embeddings.load(FOUR_BITS)
    unpacked = model.encode(TEXTS)
    monkeypatch.setattr("embeddings.models.quantized.CROSSOVER", {"cpu": None, "cuda": None, "metal": None})
    np.testing.assert_allclose(model.encode(TEXTS), unpacked, atol=1e-5)


def copy_of(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to


def weights_changed(folder: Path, change: Callable[[dict[str, np.ndarray]], object]) -> None:
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def config_changed(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, **changes}))


NORM = "layers.1.self_attn.q_norm.weight"


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: weights_changed(f, lambda w: w.pop(NORM)), f"1 weights missing, first '{NORM}'"),
        (lambda f: weights_changed(f, lambda w: w.update(more=w[NORM])), "no use for, first 'more'"),
        (lambda f: weights_changed(f, lambda w: w.update({NORM: w[NORM][:3]})), "must have shape"),
        (
            lambda f: config_changed(f, rope_scaling={"rope_type": "spiral", "factor": 2}),
            "rope_scaling .*spiral",
        ),
        (lambda f: config_changed(f, model_type="mamba"), "model_type must be one of bert, qwen3"),
        (lambda f: config_changed(f, surprise=1), "unknown key 'surprise'"),
        (
            lambda f: config_changed(f, quantization={"bits": 4, "group_size": 64, "mode": "mxfp4"}),
            "quantization",
        ),
        (
            lambda f: config_changed(f, use_sliding_window=True, sliding_window=8),
            "use_sliding_window|sliding",
        ),
        (lambda f: config_changed(f, hidden_act="gelu"), "hidden_act must be 'silu'"),
        (lambda f: config_changed(f, attention_bias=True), "attention_bias must be False, got True"),
    ],
)
def test_errors_are_one_line(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    folder = copy_of(FLOAT, tmp_path / "model")
    damage(folder)
    with pytest.raises(embeddings.ModelError, match=words) as caught:
        embeddings.load(folder)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_limit_that_the_gate_has_no_room_for(tmp_path: Path) -> None:
    folder = copy_of(FLOAT, tmp_path / "model")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 32768}')
    with pytest.raises(FixtureError, match="reads texts of 32768 tokens"):
        harness.open_subject(str(folder))


def test_shards(tmp_path: Path) -> None:
    """A checkpoint in several files, each named by an index; a shard that is missing is an error."""
    folder = copy_of(FLOAT, tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    (folder / "model.safetensors").unlink()
    shards = {name: f"model-{number % 2 + 1}-of-2.safetensors" for number, name in enumerate(tensors)}
    for shard in set(shards.values()):
        save_file({name: tensors[name] for name in tensors if shards[name] == shard}, folder / shard)
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": shards}))
    np.testing.assert_array_equal(embeddings.load(folder).encode(TEXTS), embeddings.load(FLOAT).encode(TEXTS))
    (folder / "model-2-of-2.safetensors").unlink()
    with pytest.raises(embeddings.DamagedModel, match="no such file"):
        embeddings.load(folder)
    index.write_text('{"weight_map": {"a": "../elsewhere.safetensors"}}')
    with pytest.raises(embeddings.DamagedModel, match="must name files of this folder"):
        embeddings.load(folder)
