"""The usual mistakes with a model's name or folder: one line says what is wrong, and what was meant."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

import embeddings
from tests.support import tiny

Mistake = Callable[[Path], Path]  # prepares the folder of a good model, and returns what the user names


def _weights_as(name: str) -> Mistake:
    def rename(model: Path) -> Path:
        (model / name).parent.mkdir(exist_ok=True)
        (model / "model.safetensors").rename(model / name)
        return model

    return rename


def _holding(file: str, content: bytes) -> Mistake:
    def write(model: Path) -> Path:
        (model / file).write_bytes(content)
        return model

    return write


def _gguf_alone(model: Path) -> Path:
    other = model.parent / "other"
    other.mkdir()
    (other / "small.gguf").write_bytes(b"GGUF")
    return other


def _gguf_file(model: Path) -> Path:
    return _gguf_alone(model) / "small.gguf"


def _in_the_hub_cache(model: Path) -> Path:
    snapshots = model.parent / "models--a--b" / "snapshots"
    snapshots.mkdir(parents=True)
    model.rename(snapshots / "abc")
    return snapshots.parent


MISTAKES: dict[str, tuple[Mistake, str]] = {
    "wrong case of a known model": (lambda _: Path("All-MiniLM-L6-V2"), "did you mean all-MiniLM-L6-v2?"),
    "wrong case of a folder": (lambda m: m.with_name("My Model"), "did you mean {m}?"),
    "wrong case above": (lambda m: m.parent.with_name("FOLDER") / m.name, "did you mean {m}?"),
    "one level too high": (lambda m: m.parent, "config.json: no such file; did you mean {m}?"),
    "the hub's cache": (_in_the_hub_cache, "did you mean {m.parent}/models--a--b/snapshots/abc?"),
    "one level too low": (
        lambda m: m / "1_Pooling",
        "is one module of a model; name the model's folder, {m}",
    ),
    "no such folder": (lambda m: m.parent / "xyz" / "abc", "{m.parent} has no 'xyz'; correct the path"),
    "a file": (lambda m: m / "config.json", "is a file; name its folder, {m}"),
    "a GGUF file": (_gguf_file, "is a GGUF file; take the model's own safetensors"),
    "a GGUF alone": (_gguf_alone, "config.json: no such file; take the model's own safetensors: small.gguf"),
    "GGUF weights": (_weights_as("a-Q4_K_M.gguf"), "a-Q4_K_M.gguf is a conversion for other programs"),
    "torch's .bin": (_weights_as("pytorch_model.bin"), "pytorch_model.bin can hold code and is never read"),
    "torch's .pt": (_weights_as("weights.pt"), "as safetensors: weights.pt can hold code and is never read"),
    "ONNX": (_weights_as("onnx/model.onnx"), "onnx/model.onnx is a conversion for other programs"),
    "no weights": (_weights_as("readme.txt"), "model.safetensors: no such file; copy the model's whole"),
    "a renamed GGUF": (_holding("model.safetensors", b"GGUF\3\0\0\0"), "model.safetensors: is a GGUF file"),
    "a renamed .bin": (_holding("model.safetensors", b"PK\3\4"), "model.safetensors: is a file of torch"),
    "a web page": (_holding("tokenizer.json", b"<!DOCTYPE html>"), "tokenizer.json: is a web page"),
    "git lfs": (
        _holding("tokenizer.json", b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 9\n"),
        "tokenizer.json: is a pointer of Git LFS, not the file itself; run git lfs pull there",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake: str, tmp_path: Path) -> None:
    make, words = MISTAKES[mistake]
    model = tiny.build(tmp_path / "folder" / "my-model")
    with pytest.raises(embeddings.ModelError) as caught:
        embeddings.load(make(model))
    message = str(caught.value)
    assert words.format(m=model) in message
    assert "\n" not in message


def test_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What has the form of a hub's name may be a folder, so nothing is said of the hub where one is alike."""
    tiny.build(tmp_path / "my-model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(embeddings.ModelNotFound, match=r"did you mean my-model\?"):
        embeddings.load("My_Model")
    with pytest.raises(embeddings.ModelNotFound, match="known models are"):
        embeddings.load("")


def test_spaces_and_windows_line_ends(tmp_path: Path) -> None:
    model = tiny.build(tmp_path / "of mine" / "a model")
    right = embeddings.load(model).encode(["abc"])
    for file in ("config.json", "modules.json", "tokenizer.json"):
        content = re.sub(rb",\s*", b",\r\n", (model / file).read_bytes())
        assert b"\r\n" in content
        (model / file).write_bytes(content)
    assert (embeddings.load(model).encode(["abc"]) == right).all()
