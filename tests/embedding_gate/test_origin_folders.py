"""What the folders of a model and of its origin say: guesses, same files, declared differences."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_gate import adapter, own_files
from embedding_gate import origin as origins
from embedding_gate.adapter import find, open_baseline, open_subject
from embedding_gate.data.declared_changes import declared_changes
from embedding_gate.data.model_files import sha256_of
from embedding_gate.origin import guess, open_origin, same_files
from embedding_gate.outside import open_outside
from embedding_gate.own_files import FIXTURES, OWN
from tests.support import tiny
from tests.support.library_subjects import embed
from tests.support.tuned import MODEL, copied


def test_a_plain_origin_is_guessed_and_only_told(tmp_path: Path) -> None:
    folder = copied(tmp_path / "tuned")
    with (folder / "model.safetensors").open("r+b") as weights:
        weights.seek(-1, 2)
        weights.write(b"\x3c")
    assert guess(folder, "tuned") == MODEL
    tiny.edit_json(folder / "config.json", transformers_version="9")
    assert guess(folder, "tuned") == MODEL  # by its shapes
    subject = open_outside(str(folder), OWN, embed)
    assert open_origin(subject, OWN) is None
    assert f"  origin: tokenizer and shapes are those of {MODEL}; compare with it by --origin={MODEL}" in (
        subject.notes
    )
    tiny.edit_json(folder / "config.json", num_hidden_layers=5)
    assert guess(folder, "tuned") is None


@pytest.mark.parametrize(("config", "name"), [({}, "base"), ({"quantization": {"bits": 4}}, None)])
def test_a_quantized_model_is_nobodys_origin(
    config: dict[str, Any], name: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base, tuned = (tiny.build(tmp_path / one) for one in ("base", "tuned"))
    tiny.edit_json(base / "config.json", **config, transformers_version="9")
    files = {"tokenizer.json": sha256_of(base / "tokenizer.json")}
    monkeypatch.setattr(origins, "catalogued", lambda: {"base": files})
    monkeypatch.setattr(origins, "at_hand", {"base": base}.get)
    assert guess(tuned, "tuned") == name
    monkeypatch.setattr(origins, "at_hand", {}.get)
    assert guess(tuned, "tuned") is None


def test_only_a_model_of_this_machine_is_at_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the cache of the hub lacks is not fetched for a guess."""
    monkeypatch.setattr(adapter, "missing", lambda *_: ["config.json"])
    assert adapter.at_hand("Qwen3-Embedding-0.6B") is None
    assert adapter.at_hand("tiny-qwen3") is None
    assert adapter.at_hand(MODEL) == find(MODEL)


def test_no_origin_is_guessed() -> None:
    """Of the model itself, and of random weights."""
    assert guess(find(MODEL), MODEL) is None
    assert guess(find("fixtures/tiny-qwen3"), "tiny-qwen3") is None
    assert not [note for note in open_subject(MODEL).notes if "origin" in note]


def test_the_same_files_are_the_same_bytes(tmp_path: Path) -> None:
    one, other = (tiny.build(tmp_path / name) for name in ("one", "other"))
    assert same_files(one, other)
    (other / "README.md").write_text("About it.")
    assert same_files(one, other)
    tiny.edit_json(other / "1_Pooling" / "config.json", pooling_mode_max_tokens=False)
    assert not same_files(one, other)
    third = tiny.build(tmp_path / "third")
    data = bytearray((third / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (third / "model.safetensors").write_bytes(data)
    assert not same_files(one, third)


def test_what_folders_declare_differently(tmp_path: Path) -> None:
    one, other = (tiny.build(tmp_path / name) for name in ("one", "other"))
    assert declared_changes(one, other) == []
    kinds = ("Transformer", "Pooling", "Normalize")
    modules = [{"path": "1_Pooling" if kind == "Pooling" else "", "type": f"a.{kind}"} for kind in kinds]
    tiny.write_json(other / "modules.json", modules)
    prompts = {"prompts": {"query": "Query: "}, "default_prompt_name": "query"}
    tiny.write_json(other / "config_sentence_transformers.json", prompts)
    tiny.edit_json(other / "sentence_bert_config.json", max_seq_length=12)
    tiny.edit_json(other / "config.json", num_hidden_layers=1, quantization={"bits": 4})
    assert declared_changes(one, other) == [
        "normalisation: no -> yes",
        "limit: 20 tokens -> 12 tokens",
        "num_hidden_layers: 2 -> 1",
        "prompt 'query': not declared -> 'Query: '",
        "default prompt: not declared -> 'query'",
        f"quantization: not declared -> {json.dumps({'bits': 4})}",
    ]
    (other / "modules.json").unlink()
    assert declared_changes(one, other)[0] == "pooling: mean of the tokens -> not declared"


@pytest.mark.parametrize(
    ("file", "changed"),
    [
        ("tokenizer_config.json", {"model_max_length": 24}),
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": False, "pooling_mode_mean_tokens": True}),
    ],
)
def test_goldens_are_not_those_of_a_folder_with_another_limit_or_pooling(
    file: str, changed: dict[str, Any], tmp_path: Path
) -> None:
    """An origin or a baseline with the same weights gives other vectors then; they are computed."""
    folder = tmp_path / "copy"
    shutil.copytree(FIXTURES / "tiny-qwen3", folder)
    of_goldens = open_baseline(str(folder))
    assert of_goldens is not None
    assert of_goldens.golden is not None
    tiny.edit_json(folder / file, **changed)
    other = open_baseline(str(folder), option="--origin")
    assert other is not None
    assert (other.name, other.golden) == ("tiny-qwen3", None)
    long = own_files.texts().of_kind("paragraph")[:1]
    at = own_files.texts().texts.index(long[0])
    assert np.abs(other.encoder.encode(long) - of_goldens.golden.vectors[at]).max() > 0.01
    assert f"  its goldens were made with another {file}" in open_subject(str(folder)).notes
