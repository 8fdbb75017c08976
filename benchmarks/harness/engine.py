"""A loaded model as the measurements use it, and a spy on what the model gets."""

from collections.abc import Sequence
from copy import copy
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embeddings.embedder import Embedder
from embeddings.tokens import TokenizedTexts

if TYPE_CHECKING:  # this file also runs with the library of other trees, which may lack these
    from embeddings.backend import mx
    from embeddings.models import Bert

__all__ = ["EmbedderEngine"]


class EmbedderEngine:
    """A model of this library."""

    def __init__(self, embedder: Embedder) -> None:
        self.embedder = embedder

    @property
    def dimension(self) -> int:
        """D, the length of a vector."""
        return self.embedder.dimension

    def encode(self, texts: Sequence[str], *, cache: Any = None) -> NDArray[np.float32]:
        """Return vectors (N, D)."""
        return self.embedder.encode(texts, cache=cache)

    def tokenize(self, texts: Sequence[str]) -> TokenizedTexts:
        """Return the token ids of each text that the model gets."""
        return self.embedder.tokenize(texts)

    def count(self, texts: Sequence[str]) -> int:
        """Count the tokens that the model gets, special ones too, without padding and what is cut off."""
        return int(self.embedder.count_tokens(texts).sum())

    def spied(self, texts: Sequence[str]) -> Spied:
        """Encode; return the vectors, the tokens that the model got, and the bits of its hidden states."""
        one = self.embedder
        spy = _Spy(one.model)
        watched = copy(one)  # so that the Embedder of another revision may have other parts
        watched.model = cast("Bert", spy)
        return Spied(watched.encode(texts), spy.tokens, spy.bits)

    def with_max_tokens(self, max_tokens: int) -> "EmbedderEngine":
        """Return the same model with a lower limit in tokens."""
        return EmbedderEngine(self.embedder.with_max_tokens(max_tokens))


class _Spy:
    """A model that adds up the lengths that it gets, and notes the smallest bits of its hidden states."""

    def __init__(self, model: Any) -> None:
        self._model, self.tokens, self.bits = model, 0, 64
        self._lock = Lock()  # batches are computed by several threads

    def __call__(self, ids: "mx.array", lengths: "mx.array") -> "mx.array":
        hidden: mx.array = self._model(ids, lengths)
        tokens = int(np.array(lengths).sum())
        with self._lock:
            self.tokens += tokens
            self.bits = min(self.bits, 8 * hidden.dtype.size)
        return hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
