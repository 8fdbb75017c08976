"""A subject of which only vectors are seen: a function, another library, a server."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import SubjectMalformed

__all__ = ["BlackBox", "Client"]


class Client(Protocol):
    """What asks a subject.

    name: for messages. offers: see offers.py. prompts: names of the prompts that the subject takes.
    """

    name: str
    offers: frozenset[str]
    prompts: frozenset[str]

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """(N, D). options: prompt_name, truncate_dim, where these are offered."""

    def close(self) -> None:
        """End the connection, or the process."""


class BlackBox:
    """The encoder of such a subject. It has no method for what the subject does not offer.

    written: prompts of the model that the subject claims to be. The judge writes them before the texts if the
    subject takes no name of a prompt.

    Raises:
        SubjectError: the subject gives no vector.

    """

    def __init__(self, client: Client, written: Mapping[str, str], min_dimensions: int) -> None:
        self._client, self.written = client, written
        self.min_dimensions = min_dimensions
        self.dimension = int(client.encode(["a text"]).shape[1])

    @property
    def prompts(self) -> frozenset[str]:
        """Names of what can be set before a text."""
        return self._client.prompts if "prompts" in self._client.offers else frozenset(self.written)

    def encode(
        self, texts: Sequence[str], *, prompt_name: str | None = None, truncate_dim: int | None = None
    ) -> NDArray[np.float32]:
        """Return vectors (N, D) of N texts.

        Raises:
            SubjectError: see errors.py.
            LookupError: an option is not offered.

        """
        options: dict[str, Any] = {}
        if prompt_name is not None and "prompts" in self._client.offers:
            options["prompt_name"] = prompt_name
        elif prompt_name is not None:
            texts = [self.written[prompt_name] + text for text in texts]
        if truncate_dim is not None:
            if "truncate_dim" not in self._client.offers:
                raise LookupError("truncate_dim is not offered, and the check does not say that it needs it")
            options["truncate_dim"] = truncate_dim
        vectors = self._client.encode(texts, **options)
        if not texts:
            return np.empty((0, self.dimension), dtype=np.float32)
        self._check(vectors, len(texts), truncate_dim or self.dimension)
        return vectors

    def _check(self, vectors: NDArray[np.float32], count: int, width: int) -> None:
        if vectors.shape != (count, width):
            came = " x ".join(map(str, vectors.shape))
            what = f"was asked for {count} vectors of width {width} and gave {came}"
            hint = "return one vector for each text, all of one width"
            if vectors.shape == (count, self.dimension):
                hint = "cut the vectors to that width, or refuse it"
            raise SubjectMalformed(self._client.name, what, hint=hint)
