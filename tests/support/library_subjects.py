"""Short functions around this repository's library, as a user writes them around another library."""

from typing import Any

import numpy as np

import embeddings

MODEL = embeddings.load()


def embed(texts: list[str]) -> list[list[float]]:
    """Embed as the library does."""
    return MODEL.encode(texts).tolist()  # type: ignore[no-any-return]


class Chain:
    """The same with the interface of LangChain."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return vectors (N, D)."""
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        """Return a vector (D,)."""
        return embed([text])[0]


def first_token(texts: list[str]) -> Any:
    """Embed with one fault: use the vector of the first token instead of the mean."""
    states = np.array([states[0] for states in MODEL.hidden_states(texts)])
    return states / np.linalg.norm(states, axis=1, keepdims=True)
