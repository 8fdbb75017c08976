"""Encodes texts by sentence-transformers in float64, in the environment that has it.

python -m tests.trained.reference_vectors FOLDER TEXTS.json VECTORS.npy
"""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer


def main() -> None:
    """Write the vectors (N, D)."""
    folder, texts, vectors = sys.argv[1:]
    kind = {"dtype": torch.float64, "attn_implementation": "eager"}
    model = SentenceTransformer(folder, device="cpu", model_kwargs=kind)
    found = model.encode(json.loads(Path(texts).read_text(encoding="utf-8")), batch_size=8)
    np.save(vectors, found)


if __name__ == "__main__":
    main()
