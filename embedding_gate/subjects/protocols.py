"""What the judge sees of a model."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

__all__ = ["Encoder", "Tokenized", "Tokenizer"]


class Tokenized(Protocol):
    """Token ids of N texts and the tokens cut off each."""

    @property
    def ids(self) -> list[NDArray[np.int32]]:
        """N arrays (T,)."""

    @property
    def dropped(self) -> NDArray[np.int64]:
        """(N,)."""


class Tokenizer(Protocol):
    """What tells the judge how long texts are."""

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens, special tokens included."""

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> Tokenized:
        """Token ids and cut-off tokens."""

    def count_tokens(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """(N,)."""


class Encoder(Tokenizer, Protocol):
    """The part of an embedder that the judge sees."""

    @property
    def dimension(self) -> int:
        """D."""

    @property
    def min_dimensions(self) -> int:
        """To how few dimensions a vector may be cut."""

    @property
    def prompts(self) -> Collection[str]:
        """Names of what can be set before a text."""

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
        prompt_name: str | None = None,
        prompt: str | None = None,
        instruction: str | None = None,
        batch_tokens: int | None = None,
        normalize_embeddings: bool = True,
        truncate_dim: int | None = None,
        show_progress_bar: bool = False,
        cache: Any = None,
    ) -> NDArray[np.float32]:
        """(N, D)."""

    def with_max_tokens(self, max_tokens: int) -> "Encoder":
        """The same model, reading texts to a lower limit."""

    def hidden_states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """N arrays (T, D)."""

    def parameters(self) -> Mapping[str, NDArray[np.float32]]:
        """The weights in memory by their checkpoint names."""
