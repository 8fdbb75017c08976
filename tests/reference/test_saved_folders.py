"""Folders that the installed sentence-transformers and transformers save load, and have parity: make folders.

The environment of the reference implementations saves them and computes the vectors (make_folders.py).
"""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate.own_files import ROOT

REFERENCE = ROOT / ".venv-reference" / "bin" / "python"
AT_MOST = 2e-6  # of a component; the largest was 5.8e-7, of Mistral (float32 beside float64)
NAMES = (
    "bert bert-cls bert-last bert-without-normalize bert-dense bert-two-dense qwen3 llama mistral gemma2 "
    "mpnet xlm-roberta modernbert gemma3_text nomic_bert"
).split()


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All folders, saved once."""
    to = tmp_path_factory.mktemp("saved")
    done = subprocess.run([REFERENCE, "-m", "tests.reference.make_folders", to], cwd=ROOT, check=False)
    assert done.returncode == 0
    return to


def strays(folder: Path, vectors: Path) -> dict[str, float]:
    """Return call -> the largest difference of a component between the library and the reference."""
    texts = json.loads((folder.parent / "versions.json").read_text(encoding="utf-8"))["texts"]
    model = embeddings.load(folder)
    found = {"plain": model.encode, "query": model.encode_query, "document": model.encode_document}
    with np.load(vectors) as expected:
        return {name: float(np.abs(found[name](texts) - expected[name]).max()) for name in expected.files}


@pytest.mark.parametrize("by", ["", "-by-transformers"])
@pytest.mark.parametrize("name", NAMES)
def test_parity(saved: Path, name: str, by: str) -> None:
    found = strays(saved / f"{name}{by}", saved / f"{name}.npz")
    print(found)
    assert len(found) == 3
    assert max(found.values()) <= AT_MOST


def test_all_folders_are_judged(saved: Path) -> None:
    assert {path.stem for path in saved.glob("*.npz")} == set(NAMES)


@pytest.mark.parametrize("other", ["bert-cls", "bert-last"])
def test_another_pooling_has_no_parity(saved: Path, other: str) -> None:
    assert min(strays(saved / other, saved / "bert.npz").values()) > 100 * AT_MOST
