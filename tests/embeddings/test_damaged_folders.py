"""Every kind of damaged model folder gets one line: where, what, how to fix it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embeddings import catalog
from tests.support import tiny


def _replace(path: Path, right: str, wrong: str) -> None:
    content = path.read_text(encoding="utf-8")
    assert right in content
    path.write_text(content.replace(right, wrong), encoding="utf-8")


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _weights(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


def _lower_case_on_a_cased_tokenizer(folder: Path) -> None:
    tiny.edit_json(folder / "sentence_bert_config.json", do_lower_case=True)
    tiny.edit_json(folder / "tokenizer.json", normalizer=None)


QUERY = "encoder.layer.1.attention.self.query.weight"

DAMAGES: dict[str, tuple[Callable[[Path], object], type[embeddings.EmbeddingsError], str, str]] = {
    # name: (damage, error, file named, words of the message)
    "weights cut short": (
        lambda f: _cut(f / "model.safetensors"),
        embeddings.DamagedModel,
        "model.safetensors",
        "safetensors",
    ),
    "weights empty": (
        lambda f: (f / "model.safetensors").write_bytes(b""),
        embeddings.DamagedModel,
        "model.safetensors",
        "safetensors",
    ),
    "weights missing": (
        lambda f: (f / "model.safetensors").unlink(),
        embeddings.DamagedModel,
        "model.safetensors",
        "no such file",
    ),
    "one weight missing": (
        _weights(lambda w: w.pop(QUERY)),
        embeddings.WeightMismatch,
        "model.safetensors",
        QUERY,
    ),
    "one weight too many": (
        _weights(lambda w: w.update(extra=w[QUERY].copy())),
        embeddings.WeightMismatch,
        "model.safetensors",
        "'extra'",
    ),
    "wrong shape": (
        _weights(lambda w: w.update({QUERY: w[QUERY][:8].copy()})),
        embeddings.WeightMismatch,
        "model.safetensors",
        "(16, 16), got (8, 16)",
    ),
    "wrong type": (
        _weights(lambda w: w.update({QUERY: w[QUERY].astype("int32")})),
        embeddings.WeightMismatch,
        "model.safetensors",
        "I32",
    ),
    "tokenizer missing": (
        lambda f: (f / "tokenizer.json").unlink(),
        embeddings.DamagedModel,
        "tokenizer.json",
        "no such file",
    ),
    "tokenizer malformed": (
        lambda f: _cut(f / "tokenizer.json"),
        embeddings.DamagedModel,
        "tokenizer.json",
        "not a readable tokenizer",
    ),
    "tokenizer too large": (
        lambda f: tiny.edit_json(f / "config.json", vocab_size=50),
        embeddings.UnsupportedModel,
        "tokenizer.json",
        "ids up to 55",
    ),
    "token around texts beyond the table": (
        lambda f: _replace(f / "tokenizer.json", '"[SEP]",\n      3', '"[SEP]",\n      70'),
        embeddings.UnsupportedModel,
        "tokenizer.json",
        "ids up to 70",
    ),
    "config missing": (
        lambda f: (f / "config.json").unlink(),
        embeddings.DamagedModel,
        "config.json",
        "no such file",
    ),
    "config malformed": (lambda f: _cut(f / "config.json"), embeddings.DamagedModel, "config.json", "JSON"),
    "config a list": (
        lambda f: tiny.write_json(f / "config.json", [1]),
        embeddings.DamagedModel,
        "config.json",
        "object",
    ),
    "unknown key": (
        lambda f: tiny.edit_json(f / "config.json", rope_theta=1e6),
        embeddings.UnsupportedModel,
        "config.json",
        "'rope_theta'",
    ),
    "another activation": (
        lambda f: tiny.edit_json(f / "config.json", hidden_act="relu"),
        embeddings.UnsupportedModel,
        "config.json",
        "hidden_act must be 'gelu'",
    ),
    "key missing": (
        lambda f: tiny.edit_json(f / "config.json", hidden_size=None),
        embeddings.DamagedModel,
        "config.json",
        "'hidden_size' is missing",
    ),
    "key of wrong type": (
        lambda f: tiny.edit_json(f / "config.json", hidden_size="16"),
        embeddings.DamagedModel,
        "config.json",
        "must be of type int",
    ),
    "heads do not divide": (
        lambda f: tiny.edit_json(f / "config.json", num_attention_heads=5),
        embeddings.UnsupportedModel,
        "config.json",
        "multiple",
    ),
    "modules missing": (
        lambda f: (f / "modules.json").unlink(),
        embeddings.DamagedModel,
        "modules.json",
        "never guessed; copy it and 1_Pooling from the model that this one was made from",
    ),
    "modules malformed": (
        lambda f: tiny.write_json(f / "modules.json", {"a": 1}),
        embeddings.DamagedModel,
        "modules.json",
        "'type'",
    ),
    "a module with code of its own": (
        lambda f: tiny.write_json(f / "modules.json", [*tiny.MODULES, {"type": "x.Dense", "path": "2"}]),
        embeddings.UnsupportedModel,
        "modules.json",
        "'x.Dense' is not a class of sentence-transformers",
    ),
    "two poolings": (
        lambda f: tiny.edit_json(f / "1_Pooling/config.json", pooling_mode_cls_token=True),
        embeddings.UnsupportedModel,
        "1_Pooling/config.json",
        "exactly one",
    ),
    "max pooling": (
        lambda f: tiny.edit_json(f / "1_Pooling/config.json", pooling_mode_max_tokens=True),
        embeddings.UnsupportedModel,
        "1_Pooling/config.json",
        "one pooling must be on, got ['mean', 'max']",
    ),
    "another width": (
        lambda f: tiny.edit_json(f / "1_Pooling/config.json", word_embedding_dimension=8),
        embeddings.UnsupportedModel,
        "1_Pooling/config.json",
        "word_embedding_dimension 8",
    ),
    "lower-casing that the tokenizer does not do": (
        _lower_case_on_a_cased_tokenizer,
        embeddings.UnsupportedModel,
        "sentence_bert_config.json",
        "do_lower_case",
    ),
    "no room for text": (
        lambda f: tiny.edit_json(f / "sentence_bert_config.json", max_seq_length=2),
        embeddings.DamagedModel,
        "tokenizer.json",
        "no room",
    ),
    "length of zero": (
        lambda f: tiny.edit_json(f / "sentence_bert_config.json", max_seq_length=0),
        embeddings.DamagedModel,
        "sentence_bert_config.json",
        "at least 1",
    ),
    "prompts malformed": (
        lambda f: tiny.write_json(f / "config_sentence_transformers.json", {"prompts": ["x"]}),
        embeddings.DamagedModel,
        "config_sentence_transformers.json",
        "prompts",
    ),
    "default prompt unknown": (
        lambda f: tiny.write_json(f / "config_sentence_transformers.json", {"default_prompt_name": "q"}),
        embeddings.DamagedModel,
        "config_sentence_transformers.json",
        "'q'",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_damaged_folder(tmp_path: Path, name: str) -> None:
    damage, error, file, words = DAMAGES[name]
    folder = tiny.build(tmp_path / "model")
    damage(folder)
    with pytest.raises(error) as caught:
        embeddings.load(folder)
    message = str(caught.value)
    assert message.startswith(str(folder / file))
    assert words in message
    assert "\n" not in message
    assert caught.value.hint


@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_hash_mismatch(tmp_path: Path, name: str) -> None:
    """The default model's weights beside another tokenizer or configuration are refused, under any name."""
    entry = catalog.CATALOG[catalog.DEFAULT_MODEL]
    real = embeddings.load().path
    for file in entry.sha256:
        (tmp_path / file).symlink_to(real / file)
    changed = (real / name).read_text(encoding="utf-8") + "\n"
    (tmp_path / name).unlink()
    (tmp_path / name).write_text(changed, encoding="utf-8")
    with pytest.raises(embeddings.HashMismatch, match=f"{name}: SHA-256 must be {entry.sha256[name]}"):
        embeddings.load(tmp_path)


def test_files_are_json(tmp_path: Path) -> None:
    """The tiny model's own files are what the damage tests think they are."""
    folder = tiny.build(tmp_path / "model")
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 16
    assert embeddings.load(folder).encode(["abc"]).shape == (1, 16)
