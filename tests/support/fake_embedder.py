"""A fake model that answers in microseconds. It hashes words and word pairs and has its own tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

__all__ = ["FakeEmbedder"]

START, END, UNKNOWN, FIRST, VOCABULARY = 1, 2, 3, 10, 5000
SPECIAL = {"[CLS]": START, "[SEP]": END}


@dataclass(frozen=True)
class FakeTokens:
    """The token ids of N texts, and the number of tokens cut off from each text."""

    ids: list[NDArray[np.int32]]
    dropped: NDArray[np.int64]


class FakeEmbedder:
    """Maps texts to vectors (N, 128) by their words. A token is a word. A word not in ASCII is unknown."""

    limit = 48
    dimension = 128

    def __init__(self) -> None:
        self._table = np.random.default_rng(1).standard_normal((997, self.dimension)).astype(np.float32)

    def tokenize(self, texts: Sequence[str]) -> FakeTokens:
        """Return token ids with special tokens, truncated at the token limit."""
        whole = [[START, *map(self._id, text.split()), END] for text in texts]
        room = self.limit - 1
        cut = [ids if len(ids) <= self.limit else [*ids[:room], END] for ids in whole]
        return FakeTokens(
            [np.array(ids, dtype=np.int32) for ids in cut],
            np.array([len(ids) - len(kept) for ids, kept in zip(whole, cut, strict=True)]),
        )

    def _id(self, word: str) -> int:
        if not word.isascii():
            return UNKNOWN
        return SPECIAL.get(word, FIRST + crc32(word.encode()) % (VOCABULARY - FIRST))

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Return vectors (N, D) of length 1."""
        return self.encode_ids([ids.tolist() for ids in self.tokenize(texts).ids])

    def encode_ids(self, ids: list[list[int]]) -> NDArray[np.float32]:
        """Return vectors (N, D) of length 1 for token ids."""
        return np.stack([self._vector(row) for row in ids])

    def _vector(self, ids: list[int]) -> NDArray[np.float32]:
        pairs = [31 * one + other for one, other in pairwise(ids)]
        vector = self._table[[number % 997 for number in (*ids, *pairs)]].sum(axis=0)
        return np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)
