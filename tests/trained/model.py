"""Where make trained puts the weights; and sentence-transformers, asked for vectors."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate.own_files import ROOT, texts

FOLDER = ROOT / "build" / "trained"
REFERENCE = ROOT / ".venv-reference" / "bin" / "python"


def some_texts() -> list[str]:
    """Return 148 texts: words and sentences, in 46 languages too."""
    return texts().of_kind("word", "sentence", "script", "prefix")


def by_reference(model: Path, some: Sequence[str], scratch: Path) -> NDArray[np.float64]:
    """Return the vectors (N, D) of sentence-transformers in float64. scratch: a folder for files."""
    (scratch / "texts.json").write_text(json.dumps(some), encoding="utf-8")
    command = [
        str(REFERENCE),
        "-m",
        "tests.trained.reference_vectors",
        str(model),
        "texts.json",
        "vectors.npy",
    ]
    subprocess.run(command, cwd=scratch, env={"PYTHONPATH": str(ROOT)}, check=True)
    found: NDArray[np.float64] = np.load(scratch / "vectors.npy")
    return found
