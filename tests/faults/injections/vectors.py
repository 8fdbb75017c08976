"""Vectors that do not say what the model made of the text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests import harness
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
    change_vectors,
    replace_encode,
    scratch,
)

fault = faults_of("vectors")


@fault(
    "constant vector",
    "out",
    "every text gets the same unit vector",
    kills=(
        "parity",
        "long tail",
        "distinctness",
        "cohesion",
        "separation",
        "topics by chance",
        "pairs",
        "pairs by chance",
        "pairs beside baseline",
        "retrieval",
        "retrieval by chance",
        "retrieval beside baseline",
    ),
    source="alibaba/MNN#4462",
)
def constant_vector(patch: Patch) -> None:
    change_vectors(patch, lambda vectors: np.full_like(vectors, vectors.shape[1] ** -0.5))


@fault(
    "random vector by text",
    "out",
    "a unit vector seeded by Python's hash of the text",
    kills=("parity", "new process", "topics by chance", "texts by chance"),
    random=True,
)
def random_by_text(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        for row, text in zip(vectors, texts, strict=True):
            row[:] = np.random.default_rng([scratch.seed, abs(hash(text))]).standard_normal(len(row))
        return np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    replace_encode(patch, encode)


@fault(
    "two passages exchanged",
    "out",
    "two texts of all get each other's vectors, as from a cache whose entries are mixed up",
    kills=("retrieval parity", "edited texts"),
)
def two_passages_exchanged(patch: Patch) -> None:
    one, other, *_ = harness.slice_of_sets().retrieval.passages()
    partner = {one: other, other: one}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if isinstance(texts, str):  # refused by the library, as it should be
            return right(self, texts, **options)
        return right(self, [partner.get(text, text) for text in texts], **options)

    replace_encode(patch, encode)
