"""Faults in the length of a vector."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embeddings import pooling
from embeddings.backend import mx
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
    replace_encode,
)

fault = faults_of("normalisation")


@fault(
    "no normalisation",
    "out",
    "vectors keep the length that pooling gave them",
    kills=("norm", "mean norm", "parity"),
    source="ggml-org/llama.cpp#5956",
)
def no_normalisation(patch: Patch) -> None:
    patch.setattr(pooling, "normalize", lambda vectors: vectors)


@fault(
    "shorter, not normalised again",
    "out",
    "dimensions are cut after the vector was scaled",
    kills=("shorter dimensions",),
    source="michaelfeil/infinity#538",
)
def shortened_after_normalising(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, truncate_dim: int | None = None, **options: Any
    ) -> Any:
        return right(self, texts, **options)[:, :truncate_dim]

    replace_encode(patch, encode)


@fault(
    "normalize ignored",
    "out",
    "vectors are scaled although normalize_embeddings=False was asked for",
    kills=("unnormalised",),
)
def normalize_ignored(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, normalize_embeddings: bool = True, **options: Any
    ) -> Any:
        del normalize_embeddings
        return right(self, texts, **options)

    replace_encode(patch, encode)


def scaled_by(length: Callable[[mx.array], mx.array]) -> Callable[[Patch], None]:
    """Divide vectors (B, D) by the lengths that the given function computes."""

    def inject(patch: Patch) -> None:
        patch.setattr(pooling, "normalize", lambda vectors: vectors / length(vectors))

    return inject


fault("sum of components", "out", "the absolute components add up to 1 (L1)", kills=("norm", "parity"))(
    scaled_by(lambda vectors: mx.abs(vectors).sum(axis=-1, keepdims=True))
)
fault("largest component", "out", "the largest component is 1 (the maximum norm)", kills=("norm", "parity"))(
    scaled_by(lambda vectors: mx.abs(vectors).max(axis=-1, keepdims=True))
)
fault("squared length", "out", "the root was forgotten", kills=("norm", "mean norm", "parity"))(
    scaled_by(lambda vectors: mx.square(vectors).sum(axis=-1, keepdims=True))
)
fault(
    "large epsilon",
    "out",
    "what guards against zero is added to the squared length, and is not small",
    kills=("norm", "parity"),
    source="apple/axlearn#21",
)(scaled_by(lambda vectors: mx.sqrt(mx.square(vectors).sum(axis=-1, keepdims=True) + 1e-3)))
fault(
    "one length for the batch",
    "out",
    "all vectors of a batch are divided by the length of all of them together",
    kills=("norm", "parity", "alone or mixed"),
    source="HarryVolek/PyTorch_Speaker_Verification#27",
)(scaled_by(mx.linalg.norm))


@fault(
    "last components kept",
    "out",
    "shorter vectors are the end of the whole ones",
    kills=("shorter dimensions",),
)
def last_components_kept(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, truncate_dim: int | None = None, **options: Any
    ) -> Any:
        width = self.recipe.width(self.dimension, truncate_dim)
        vectors = right(self, texts, **options)[:, self.dimension - width :]
        if not options.get("normalize_embeddings", True):
            return vectors
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)

    replace_encode(patch, encode)
