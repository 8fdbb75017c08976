"""verify: a folder that was changed after the run is found, whatever was changed; so is another model."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedding_gate import verify_command
from embedding_gate.corpus.model import Model
from embedding_gate.data.encoded.manifest import MANIFEST, Manifest, read_manifest
from embedding_gate.data.encoded.shards import KEY, name_of, read_label, write_shard
from embedding_gate.errors import FixtureError
from tests.support import tiny
from tests.support.corpora import encode, errors, write_corpus

COUNT = 40


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    corpus, model = write_corpus(tmp_path / "corpus.jsonl", COUNT), tiny.build(tmp_path / "tiny")
    assert encode(corpus, tmp_path / "out", model) == 0
    return tmp_path / "out"


def verify(folder: Path, *more: str) -> int:
    return verify_command.main([str(folder), *more])


def test_a_whole_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert verify(folder) == 0
    assert f"{COUNT} texts encoded anew differ by" in capsys.readouterr().out
    assert verify(folder, "--sample=0") == 0
    assert "no text was encoded anew" in capsys.readouterr().out


def test_half_precision(folder: Path) -> None:
    """Half the size. The limit is higher by what rounding to float16 may do."""
    half = folder.parent / "half"
    assert encode(folder.parent / "corpus.jsonl", half, folder.parent / "tiny", "--dtype=float16") == 0
    whole, rounded = (load_file(one / name_of(0)) for one in (folder, half))
    np.testing.assert_array_equal(rounded["vectors"], whole["vectors"].astype(np.float16))
    assert verify(half) == 0


def one_byte(folder: Path) -> str:
    content = bytearray((folder / name_of(1)).read_bytes())
    content[-1] ^= 1
    (folder / name_of(1)).write_bytes(content)
    return "shard-000001.safetensors: is not what encode wrote"


def one_missing(folder: Path) -> str:
    (folder / name_of(1)).unlink()
    return "shard-000001.safetensors: cannot be read (No such file"


def a_link(folder: Path) -> str:
    (folder / name_of(1)).rename(folder.parent / "elsewhere")
    (folder / name_of(1)).symlink_to(folder.parent / "elsewhere")
    return "shard-000001.safetensors: is no regular file"


def a_device(folder: Path) -> str:
    (folder / name_of(1)).unlink()
    os.mkfifo(folder / name_of(1))
    return "shard-000001.safetensors: is no regular file"


def another_model(folder: Path) -> str:
    weights = load_file(folder.parent / "tiny" / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][3] += 1
    save_file(weights, folder.parent / "tiny" / "model.safetensors")
    return "was made by a model that differs in weights"


def other_texts(folder: Path) -> str:
    write_corpus(folder.parent / "corpus.jsonl", COUNT, seed=1)
    return f"corpus.jsonl: is not what {folder} was made from"


def more_texts(folder: Path) -> str:
    write_corpus(folder.parent / "corpus.jsonl", COUNT + 16)
    return f"corpus.jsonl: is not what {folder} was made from"


def unfinished(folder: Path) -> str:
    edit(folder, lambda found: found["shards"][2].update(sha256=""))
    return "the run that writes it has not ended: 1 of 3 shards have no hash"


def a_field_more(folder: Path) -> str:
    edit(folder, lambda found: found["shards"][0].update(file="../../elsewhere"))
    return "Object contains unknown field `file`"


def a_wrong_count(folder: Path) -> str:
    edit(folder, lambda found: found["shards"][0].update(count=0))
    return "counts of 1 or more"


def a_linked_manifest(folder: Path) -> str:
    (folder / MANIFEST).rename(folder.parent / "elsewhere")
    (folder / MANIFEST).symlink_to(folder.parent / "elsewhere")
    return "manifest.json: is no regular file"


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    found = json.loads((folder / MANIFEST).read_text())
    change(found)
    (folder / MANIFEST).write_text(json.dumps(found))


HARMS = [
    one_byte, one_missing, a_link, a_device, another_model, other_texts, more_texts, unfinished, a_field_more,
    a_wrong_count, a_linked_manifest,
]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_harm_is_found(harm: Callable[[Path], str], folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = harm(folder)
    capsys.readouterr()
    assert verify(folder) == 4
    assert words in errors(capsys)


def test_vectors_of_another_computation(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hashes are right, and so is the model by its files: only encoding again shows it."""
    real = Model.encode
    monkeypatch.setattr(Model, "encode", lambda self, texts: np.roll(real(self, texts), 1, axis=0))
    capsys.readouterr()
    assert verify(folder) == 1
    assert "its vectors are not those of the model" in errors(capsys)


@pytest.mark.parametrize("fault", ["nan", "inf"])
def test_a_model_that_gives_nan(fault: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is stored of it."""
    tiny_model = folder.parent / "tiny" / "model.safetensors"
    weights = load_file(tiny_model)
    weights["embeddings.LayerNorm.bias"][3] = float(fault)
    save_file(weights, tiny_model)
    capsys.readouterr()
    assert encode(folder.parent / "corpus.jsonl", folder.parent / "two", folder.parent / "tiny") == 1
    assert "gave NaN or infinity for the text" in errors(capsys)
    assert not list((folder.parent / "two").glob("shard*"))


def forged(folder: Path, manifest: Manifest, **tensors: Any) -> None:
    """Write a shard that has the right label and other tensors."""
    label = read_label(folder, manifest, 0)
    content = load_file(folder / name_of(0)) | tensors
    text = json.dumps({name: getattr(label, name) for name in label.__struct_fields__})
    save_file(
        {name: value for name, value in content.items() if value is not None},
        folder / name_of(0),
        {KEY: text},
    )


@pytest.mark.parametrize(
    "tensors",
    [
        {"vectors": np.zeros((16, 15), np.float32)},
        {"vectors": np.zeros((16, 16), np.float64)},
        {"ends": np.zeros(3, np.int64)},
        {"ids": None},
        {"more": np.zeros(3, np.int64)},
    ],
)
def test_a_forged_header(tensors: dict[str, Any], folder: Path) -> None:
    manifest = read_manifest(folder)
    forged(folder, manifest, **tensors)
    with pytest.raises(FixtureError, match="does not hold 16 vectors of width 16"):
        read_label(folder, manifest, 0)


def test_a_header_that_promises_terabytes(folder: Path) -> None:
    """It is refused before anything is reserved."""
    manifest, path = read_manifest(folder), folder / name_of(0)
    for length in (1 << 20, 1 << 40, (1 << 64) - 1):
        path.write_bytes(length.to_bytes(8, "little") + b"{}")
        with pytest.raises(FixtureError, match="is no safetensors file"):
            read_label(folder, manifest, 0)
    huge = {"vectors": {"dtype": "F32", "shape": [1 << 40, 1 << 20], "data_offsets": [0, 1 << 62]}}
    header = json.dumps(huge).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header)
    with pytest.raises(FixtureError, match="is no safetensors file"):
        read_label(folder, manifest, 0)


def test_a_shard_of_another_run(folder: Path) -> None:
    manifest = read_manifest(folder)
    tensors = load_file(folder / name_of(0))
    write_shard(folder, "another plan", 0, ["a"], tensors["vectors"][:1], tokens=1, cut=0)
    with pytest.raises(FixtureError, match="is a shard of another run, or has another number"):
        read_label(folder, manifest, 0)
