"""Measures how far each precision is from float64, which the tolerances of the anchors come from.

.venv-reference/bin/python -m tests.reference.anchor_rounding FOLDER...: folders of models. The texts are
those of the embedded model's anchors.
"""

import sys
import tomllib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}


def texts() -> list[str]:
    """Return the texts of the embedded model's anchors, each once."""
    path = FIXTURES / "anchors" / "all-MiniLM-L6-v2.toml"
    sources = tomllib.loads(path.read_text(encoding="utf-8"))["source"]
    figures = [
        figure for source in sources for kind in ("cosines", "vectors") for figure in source.get(kind, ())
    ]
    keys = ("queries", "documents", "texts")
    return list(dict.fromkeys(text for figure in figures for key in keys for text in figure.get(key, ())))


def encode(folder: str, precision: torch.dtype) -> NDArray[np.float64]:
    """Encode the texts one by one: (N, D), of length 1."""
    kind = {"dtype": precision, "attn_implementation": "eager"}
    model = SentenceTransformer(folder, device="cpu", model_kwargs=kind)
    found = model.encode(texts(), batch_size=1, convert_to_tensor=True).double().numpy()
    vectors: NDArray[np.float64] = found / np.linalg.norm(found, axis=1, keepdims=True)
    return vectors


def main() -> None:
    """Print the largest difference of a cosine, and of a vector of length 1 as a distance."""
    for folder in sys.argv[1:]:
        exact = encode(folder, torch.float64)
        for name, precision in PRECISIONS.items():
            found = encode(folder, precision)
            cosine = np.abs(found @ found.T - exact @ exact.T).max()
            direction = np.linalg.norm(found - exact, axis=1).max()
            print(f"{folder}: {name}: cosine {cosine:.1e}, direction {direction:.1e}")


if __name__ == "__main__":
    main()
