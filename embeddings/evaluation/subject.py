"""What the gate judges: anything that encodes, the texts it is given, and the truth about them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embeddings.evaluation.datasets import Golden, Texts

__all__ = ["Encoder", "Subject", "Tokenized"]


class Tokenized(Protocol):
    """Token ids of N texts and the tokens cut off each."""

    @property
    def ids(self) -> list[NDArray[np.int32]]:
        """N arrays (T,)."""

    @property
    def dropped(self) -> NDArray[np.int64]:
        """(N,)."""


class Encoder(Protocol):
    """The part of an embedder that the judge sees."""

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens, special tokens included."""

    @property
    def path(self) -> Path:
        """The folder of the model's files."""

    @property
    def unused_weights(self) -> frozenset[str]:
        """Names of weights that the architecture declares that it does not use."""

    def encode(
        self,
        texts: Sequence[str],
        *,
        batch_tokens: int | None = None,
        normalize: bool = True,
        dimensions: int | None = None,
        progress: bool = False,
    ) -> NDArray[np.float32]:
        """(N, D)."""

    def hidden_states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """N arrays (T, D)."""

    def tokenize(self, texts: Sequence[str]) -> Tokenized:
        """Token ids and cut-off tokens."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(N,)."""

    def parameters(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights in memory by their checkpoint names."""


@dataclass
class Subject:
    """One model under judgement.

    name: the model whose bars bind it. The judge decides it, by what was asked for and by the hashes of
        files: a library that names itself could choose its own bars.
    golden: an independent implementation's results on ``texts``, or None where there are none.
    encode_elsewhere: encodes texts in a new Python process.
    """

    name: str
    encoder: Encoder
    texts: Texts
    golden: Golden | None
    encode_elsewhere: Callable[[list[str]], NDArray[np.float32]] = field(repr=False)
    _alone: dict[str, NDArray[np.float32]] = field(default_factory=dict, repr=False)

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """The vectors (N, D) of all the fixture's texts, encoded in one call."""
        return self.encoder.encode(self.texts.texts)

    @cached_property
    def hidden_states(self) -> list[NDArray[np.float32]]:
        """Hidden states (T, D) of the texts numbered ``hidden_rows``."""
        return self.encoder.hidden_states([self.texts.texts[row] for row in self.hidden_rows])

    @cached_property
    def hidden_rows(self) -> list[int]:
        """The numbers of the texts whose hidden states are looked at: those of the goldens, or the pairs."""
        if self.golden is not None:
            return [int(row) for row in self.golden.hidden_rows]
        return [row for row, kind in enumerate(self.texts.kinds) if kind == "prefix"]

    def alone(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """Each text's vector (D,) from a call of its own, where nothing is padded and nothing can leak."""
        for text in texts:
            if text not in self._alone:
                self._alone[text] = self.encoder.encode([text])[0]
        return [self._alone[text] for text in texts]

    def name_rows(self, rows: ArrayLike) -> str:
        """Name the first texts of those marked in (N,): "word-01, word-07 and 3 more"."""
        marked = [self.texts.ids[row] for row in np.flatnonzero(rows) if row < len(self.texts.ids)]
        return ", ".join(marked[:3]) + (f" and {len(marked) - 3} more" if len(marked) > 3 else "") or "none"

    def text_of(self, tokens: int) -> str:
        """Cut a text of exactly so many tokens out of the fixture's paragraphs.

        Raises:
            ValueError: the tokenizer gives no such text from any of the first hundred starts.

        """
        words = " ".join(self.texts.of_kind("paragraph")).split()
        while len(words) < 2 * tokens:
            words += words
        for start in range(100):
            low, high = 1, tokens + 1  # the count never falls when a word is added: bisect
            while low < high:
                middle = (low + high) // 2
                if self._fits(words[start : start + middle], tokens):
                    low = middle + 1
                else:
                    high = middle
            text = " ".join(words[start : start + low - 1])
            if text and int(self.encoder.count_tokens([text])[0]) == tokens:
                return text
        raise ValueError(f"no text of exactly {tokens} tokens")

    def _fits(self, words: list[str], tokens: int) -> bool:
        found = self.encoder.tokenize([" ".join(words)])
        return not found.dropped[0] and len(found.ids[0]) <= tokens
