"""What the repository ships: it may use any library."""

from functools import cache

import embeddings


@cache
def model() -> embeddings.Embedder:
    return embeddings.load("my-model")


def embed(texts: list[str]) -> object:
    return model().encode(texts)
