"""TensorFlow Projector files: what goes in comes out, and nothing is left half written."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from embedding_gate.data.projector import escape, projector_name, unescape, write_projector
from embedding_gate.errors import InputError
from embedding_gate.subjects.recorded import read_recorded

TEXTS = (
    "a\ttab",
    "two\nlines",
    "some \"quotes\", and 'others'",
    "back\\slash \\t \\n",
    "carriage\rreturn",
    "\u2028 ß 日本 🙂",
)
CATEGORIES = ("a", "a", "b", "b", "outlier", "c\td")
LABELS = tuple("pqrstu")
VECTORS = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32) * np.logspace(
    -20, 20, 5, dtype=np.float32
)


def write(folder: Path, model: str = "org/model") -> list[Path]:
    return write_projector(folder, model, VECTORS, labels=LABELS, categories=CATEGORIES, texts=TEXTS)


def test_round_trip(tmp_path: Path) -> None:
    """Texts come back exactly, vectors to the last bit."""
    files = write(tmp_path / "new" / "folder")
    assert [path.name for path in files] == [
        "vectors_org-model.tsv",
        "metadata_org-model.tsv",
        "config_org-model.json",
    ]
    topics, vectors = read_recorded(tmp_path / "new" / "folder", "org-model")
    assert (topics.labels, topics.categories, topics.texts) == (LABELS, CATEGORIES, TEXTS)
    np.testing.assert_array_equal(vectors, VECTORS)
    config = json.loads(files[2].read_text())["embeddings"][0]
    assert config["tensorShape"] == [6, 5]
    assert [config["tensorPath"], config["metadataPath"]] == [path.name for path in files[:2]]
    assert files[0].read_text().count("\n") == 6  # no header
    assert files[1].read_text().startswith("Label\tCategory\tText\n")


@given(st.text())
def test_escapes(text: str) -> None:
    assert unescape(escape(text)) == text
    assert not set(escape(text)) & set("\t\n\r")


def test_names() -> None:
    assert projector_name("mlx-community/Qwen3 0.6B") == "mlx-community-Qwen3-0.6B"
    assert projector_name("../..") == "model"


def test_refusals(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="6 vectors, 5 labels"):
        write_projector(tmp_path, "m", VECTORS, labels=LABELS[:5], categories=CATEGORIES, texts=TEXTS)
    with pytest.raises(InputError, match="NaN or infinity"):
        write_projector(tmp_path, "m", VECTORS * np.nan, labels=LABELS, categories=CATEGORIES, texts=TEXTS)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write(tmp_path / "file")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Writing breaks off half way: the old files are whole, and no part of the new ones is left."""
    before = {path: path.read_bytes() for path in write(tmp_path)}

    def full(_: str) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("embedding_gate.data.projector.escape", full)
    with pytest.raises(InputError, match="No space left on device"):
        write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
