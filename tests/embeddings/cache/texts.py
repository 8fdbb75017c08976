"""Texts for the tests of the cache."""

import numpy as np
from numpy.typing import NDArray

from embeddings import Embedder
from embeddings.cache.sqlite_store import Entry

TEXTS = ["abc", "d e f", "abc", "", "q: abc", "a longer text of letters"]
MANY = [f"{a} {b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"]


def once_each(model: Embedder, texts: list[str]) -> NDArray[np.float32]:
    """Vectors without a cache, computed in the batches that a cache has them computed in."""
    distinct = list(dict.fromkeys(texts))
    return model.encode(distinct)[[distinct.index(text) for text in texts]]


def entry(size: int) -> Entry:
    return Entry(bytes(size), 0)
