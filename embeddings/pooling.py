"""Turns the hidden states of a text's tokens into one vector per text."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from embeddings.backend import mx

__all__ = ["POOLINGS", "all_tokens", "first_token", "last_token", "mean", "normalize", "pool"]


def mean(hidden: mx.array, lengths: mx.array) -> mx.array:
    """Average the real tokens: hidden (B, T, D), lengths (B,) -> (B, D)."""
    real = mx.arange(hidden.shape[1])[None, :] < lengths[:, None]
    return mx.where(real[..., None], hidden, 0).sum(axis=1) / lengths[:, None]


def first_token(hidden: mx.array, lengths: mx.array) -> mx.array:  # noqa: ARG001  (one signature for all)
    """Take the first token: hidden (B, T, D) -> (B, D)."""
    return hidden[:, 0]


def last_token(hidden: mx.array, lengths: mx.array) -> mx.array:
    """Take the last real token of right-padded texts: hidden (B, T, D), lengths (B,) -> (B, D)."""
    return hidden[mx.arange(hidden.shape[0]), lengths - 1]


def normalize(vectors: mx.array) -> mx.array:
    """Scale each vector (B, D) to Euclidean length 1; a zero vector stays zero."""
    return vectors / mx.maximum(mx.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)


def all_tokens(hidden: mx.array, lengths: mx.array) -> mx.array:  # noqa: ARG001
    """Return the hidden states (B, T, D) unchanged, with every token."""
    return hidden


def pool(
    hidden: mx.array,
    lengths: mx.array,
    *,
    pooling: str,
    after: Callable[[mx.array], mx.array],
    width: int,
    scaled: bool,
) -> mx.array:
    """Make one vector of each text: hidden (B, T, D), lengths (B,) -> (B, width).

    pooling: a name in ``POOLINGS``. after: the modules after pooling. scaled: whether each vector is scaled
    to length 1.
    """
    vectors = after(POOLINGS[pooling](hidden, lengths))[:, :width]
    return normalize(vectors) if scaled else vectors


POOLINGS: Mapping[str, Callable[[mx.array, mx.array], mx.array]] = MappingProxyType(
    {"mean": mean, "first": first_token, "last": last_token}
)
