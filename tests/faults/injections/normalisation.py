"""The length of a vector."""

from collections.abc import Sequence
from typing import Any

from embeddings import embedder
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
    patch.setattr(embedder, "to_unit_length", lambda vectors: vectors)


@fault(
    "shorter, not normalised again",
    "out",
    "dimensions are cut after the vector was scaled",
    kills=("shorter dimensions",),
    source="michaelfeil/infinity#538",
)
def shortened_after_normalising(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, dimensions: int | None = None, **options: Any
    ) -> Any:
        return right(self, texts, **options)[:, :dimensions]

    replace_encode(patch, encode)


@fault(
    "normalize ignored",
    "out",
    "vectors are scaled although normalize=False was asked for",
    kills=("unnormalised",),
)
def normalize_ignored(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], *, normalize: bool = True, **options: Any) -> Any:
        del normalize
        return right(self, texts, **options)

    replace_encode(patch, encode)
