"""A loaded model as the measurements see it, and the spy on what reaches it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.harness.records import Spied
from embeddings.embedder import Embedder
from embeddings.tokens import TokenizedTexts

if TYPE_CHECKING:  # other trees may have other modules; this is also run with theirs
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
        """Return the ids that the model sees of each text."""
        return self.embedder.tokenize(texts)

    def count(self, texts: Sequence[str]) -> int:
        """Count the real tokens that the model sees: special ones included, cut-off and padding never."""
        return int(self.embedder.count_tokens(texts).sum())

    def spied(self, texts: Sequence[str]) -> Spied:
        """Encode, and tell what the model was handed and gave."""
        one = self.embedder
        spy = _Spy(one.model)
        watched = Embedder(one.folder, cast("Bert", spy), one.tokenizer, one.recipe)
        return Spied(watched.encode(texts), spy.tokens, spy.bits)

    def with_max_tokens(self, max_tokens: int) -> "EmbedderEngine":
        """Return the same model, reading texts to a lower limit."""
        return EmbedderEngine(self.embedder.with_max_tokens(max_tokens))


class _Spy:
    """A model that adds up the lengths that it is called with, and notes the coarsest that it gives."""

    def __init__(self, model: Any) -> None:
        self._model, self.tokens, self.bits = model, 0, 64

    def __call__(self, ids: "mx.array", lengths: "mx.array") -> "mx.array":
        self.tokens += int(np.array(lengths).sum())
        hidden: mx.array = self._model(ids, lengths)
        self.bits = min(self.bits, 8 * hidden.dtype.size)
        return hidden

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)
