"""Folders of decoders: what is wrong is one line; shards, and what a folder may declare or lack."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from tests.support.tiny_decoders import FLOAT, TEXTS, copy_of


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
        (lambda f: config_changed(f, model_type="mamba"), "model_type must be one of bert, "),
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


def without(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).unlink()


def test_an_end_token_is_appended_where_the_template_lacks_it(tmp_path: Path) -> None:
    folder = copy_of(FLOAT, tmp_path / "model")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    shipped = embeddings.load(folder)
    for lacking in (None, {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False}):
        path.write_text(json.dumps({**content, "post_processor": lacking}))
        old = embeddings.load(folder)
        long = [*TEXTS, "z" * 600]
        for one, other in zip(old.tokenize(long).ids, shipped.tokenize(long).ids, strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(old.tokenize(long).dropped, shipped.tokenize(long).dropped)
    path.write_text(path.read_text().replace("<|endoftext|>", "<|other|>"))
    with pytest.raises(embeddings.DamagedModel, match=r"has no <\|endoftext\|>"):
        embeddings.load(folder)


def test_a_recipe_where_the_folder_declares_none(tmp_path: Path) -> None:
    """Nothing is guessed: the catalog knows the name, or the caller names a recipe."""
    known = copy_of(FLOAT, tmp_path / "Qwen3-Embedding-0.6B-4bit-DWQ")
    unknown = copy_of(FLOAT, tmp_path / "mine")
    for folder in (known, unknown):
        without(folder, "modules.json", "config_sentence_transformers.json")
    expected = embeddings.load(FLOAT).encode(TEXTS, prompt_name="query")
    np.testing.assert_array_equal(embeddings.load(known).encode(TEXTS, prompt_name="query"), expected)
    with pytest.raises(embeddings.DamagedModel, match=r"nothing says how to pool.*qwen3-embedding"):
        embeddings.load(unknown)
    named = embeddings.load(unknown, recipe="qwen3-embedding")
    np.testing.assert_array_equal(named.encode(TEXTS, prompt_name="query"), expected)
    with pytest.raises(embeddings.InputError, match="no recipe has that name; take declared or"):
        embeddings.load(unknown, recipe="surprise")


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
