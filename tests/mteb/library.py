"""The library as a subject: ``python:tests.mteb.library:model``."""

import embeddings
from embeddings.embedder import Embedder


def model() -> Embedder:
    return embeddings.load()
