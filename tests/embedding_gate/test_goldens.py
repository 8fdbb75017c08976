"""Texts and goldens that are malformed, damaged, or of other texts are refused."""

from pathlib import Path

import pytest

from embedding_gate import own_files
from embedding_gate.data.goldens import Texts, read_golden, read_texts
from embedding_gate.errors import FixtureError


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "holds no text"),
        ('{"id": "a", "kind": "k", "text": "t"}\nnot json\n', ":2: not a JSON object"),
        ('{"id": "a", "kind": "k"}\n', ":1: must be an object with id, kind and text"),
        ('{"id": "a", "kind": "k", "text": 7}\n', ":1: id, kind and text must be strings"),
        ('{"id": "a", "kind": "k", "text": "t"}\n' * 2, ":2: id 'a' is there twice"),
    ],
)
def test_malformed_texts(tmp_path: Path, lines: str, words: str) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(lines)
    with pytest.raises(FixtureError, match=words):
        read_texts(path)


def golden_copy(folder: Path) -> tuple[Path, Texts]:
    for name in ("all-MiniLM-L6-v2.json", "all-MiniLM-L6-v2.safetensors"):
        (folder / name).write_bytes((own_files.FIXTURES / "golden" / name).read_bytes())
    return folder, own_files.texts()


def test_golden_of_other_texts(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    other = Texts(texts.ids, texts.kinds, texts.texts, "0" * 64)
    with pytest.raises(FixtureError, match="goldens of other texts"):
        read_golden(folder, "all-MiniLM-L6-v2", other)


def test_damaged_golden(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    path = folder / "all-MiniLM-L6-v2.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # one bit of one number
    path.write_bytes(data)
    with pytest.raises(FixtureError, match="SHA-256 must be"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)
    path.unlink()
    with pytest.raises(FixtureError, match="cannot be read"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)


def test_malformed_golden_origin(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    (folder / "all-MiniLM-L6-v2.json").write_text("{}")
    with pytest.raises(FixtureError, match="malformed"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)


def test_model_without_goldens() -> None:
    assert read_golden(own_files.FIXTURES / "golden", "no-such-model", own_files.texts()) is None
