"""A server of embeddings as a subject."""

import re
from collections.abc import Sequence
from typing import Any

import httpx2
import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import GateError, SubjectError, SubjectLost, SubjectMalformed, SubjectRefused
from embedding_gate.subjects.offers import OFFERS

__all__ = ["Server"]


class Server:
    """A server, asked by a client of ``embedding_gate.endpoint``. It takes no name of a prompt."""

    def __init__(self, name: str, client: Any) -> None:
        self.name, self.client = name, client
        self.offers = frozenset(client.offers & OFFERS.keys()) | {"encode", "threads", "endpoint"}
        self.prompts: frozenset[str] = frozenset()

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return vectors (N, D) of N texts.

        Raises:
            SubjectRefused: the server answered with a status 4xx.
            SubjectMalformed: it answered something that is not one vector for each text, or it broke
                off this one request and answers the next.
            SubjectLost: it did not answer, and does not answer one text after that.

        """
        try:
            vectors: NDArray[np.float32] = self.client.encode(texts, **options)
        except GateError as error:
            raise self._kind(error)(error.where, error.what, hint=error.hint) from error
        return vectors

    def _kind(self, error: GateError) -> type[SubjectError]:
        if isinstance(error.__cause__, httpx2.TransportError):
            return SubjectMalformed if self._answers() else SubjectLost
        return SubjectRefused if re.match(r"gave 4\d\d\b", error.what) else SubjectMalformed

    def _answers(self) -> bool:
        try:
            self.client.encode(["a text"])
        except GateError as error:
            return not isinstance(error.__cause__, httpx2.TransportError)
        return True

    def close(self) -> None:
        """Close the connections."""
        self.client.close()
