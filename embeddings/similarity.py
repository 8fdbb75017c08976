"""The similarity of vectors."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from embeddings.errors import InputError

__all__ = ["cosine_similarity"]


def cosine_similarity(a: ArrayLike, b: ArrayLike) -> NDArray[np.float32]:
    """Return the cosine similarity of each pair of vectors: (N, D) and (M, D) -> (N, M) float32.

    One vector (D,) counts as (1, D). A zero vector has similarity 0 with every vector.

    Raises:
        InputError: the inputs are not two arrays of vectors with the same length D.

    """
    left, right = (np.atleast_2d(np.asarray(some, dtype=np.float32)) for some in (a, b))
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise InputError(
            "similarity",
            f"needs arrays of shape (N, D) and (M, D), got {left.shape} and {right.shape}",
            hint="pass what encode returned, with the same truncate_dim",
        )
    return _of_length_1(left) @ _of_length_1(right).T


def _of_length_1(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), dtype=np.float32)
