"""The library of this repository behind the test server."""

from typing import Any

import embeddings
from embedding_gate.subjects.protocols import Encoder
from tests.support.server import Refused, Service, Texts, Vectors

__all__ = ["LibraryService"]


class LibraryService(Service):
    """A service that asks the library for all that a request asks of it."""

    def __init__(self, encoder: Encoder) -> None:
        self.encoder = encoder
        super().__init__(self.ask, encoder.tokenize)

    def ask(self, texts: list[str], **options: Any) -> Vectors:
        """Encode. What the library refuses is the client's mistake."""
        try:
            return self.encoder.encode(texts, **options)
        except embeddings.InputError as error:
            raise Refused(str(error)) from error

    def short(self, texts: Texts, vectors: Vectors, width: int) -> Vectors:
        """Let the library shorten the vectors."""
        if width == vectors.shape[1]:
            return vectors
        return self.ask([str(text) for text in texts], truncate_dim=width)
