"""Recorded vectors of the gate's own texts."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embedding_gate import own_files
from embedding_gate.data.projector import write_projector

TOPICS = own_files.sets().topics


def record(folder: Path, vectors: NDArray[np.floating], name: str = "mystery", upper: bool = False) -> Path:
    texts = [text.upper() if upper else text for text in TOPICS.texts]
    some = vectors.astype(np.float32)
    write_projector(folder, name, some, labels=TOPICS.labels, categories=TOPICS.categories, texts=texts)
    return folder


def right() -> NDArray[np.float32]:
    golden = own_files.golden("all-MiniLM-L6-v2")
    assert golden is not None
    return golden.sets[TOPICS.sha256][0]
