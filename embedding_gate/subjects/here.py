"""An embedder of the judge's own process, from the fixture of another repository."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import SubjectLost, SubjectMalformed, SubjectRefused
from embedding_gate.subjects import served
from embedding_gate.subjects.process import BY_HAND, texts_in_words

__all__ = ["Here"]


class Here:
    """An object or a function that embeds.

    Raises:
        SubjectLost: it is neither.

    """

    def __init__(self, embedder: object) -> None:
        self.name = f"embedder {type(embedder).__name__}"
        try:
            self._embedder = served.Embedder(embedder)
        except Exception as error:
            raise SubjectLost(self.name, served.told(error), hint="return an object that embeds") from error
        self.offers = frozenset(self._embedder.offers) | {"same process"}
        self.prompts = frozenset(self._embedder.prompts)

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return vectors (N, D) of N texts.

        Raises:
            SubjectRefused: the embedder raised an error.
            SubjectMalformed: what it gave is no vector for each text.

        """
        asked = f"was asked for {texts_in_words(texts)}"
        try:
            vectors: NDArray[np.float32] = self._embedder.encode(texts, **options)
        except served.Malformed as error:
            hint = "return one vector for each text, all of one width"
            raise SubjectMalformed(self.name, f"{asked} and gave {error}", hint=hint) from error
        except Exception as error:
            raise SubjectRefused(
                self.name, f"{asked} and raised {served.told(error)}", hint=BY_HAND
            ) from error
        return vectors

    def close(self) -> None:
        """Leave the embedder to its owner."""
