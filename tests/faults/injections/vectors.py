"""Faults in the vectors: they differ from what the model computed for the text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate import own_files
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import change_vectors, hash_of, replace_encode

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
            row[:] = np.random.default_rng(hash_of(text)).standard_normal(len(row))
        return np.float32(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))

    replace_encode(patch, encode)


def rounded_to(
    kind: str, change: Callable[[NDArray[np.float32]], NDArray[Any]], what: str, **named: str
) -> None:
    """Declare a fault that rounds the vectors."""

    @fault(f"vectors in {kind}", "out", what, kills=("parity", "norm"), **named)
    def inject(patch: Patch) -> None:
        change_vectors(patch, change)


rounded_to("float16", lambda vectors: vectors.astype(np.float16), "the result is rounded to float16")
rounded_to("int8", lambda vectors: np.rint(vectors * 127) / 127, "each component becomes one of 255 numbers")
rounded_to("three decimals", lambda vectors: np.round(vectors, 3), "the result went through a text format")


@fault(
    "one sign flipped",
    "out",
    "one component has the other sign in every vector, which no cosine between them shows",
    kills=("parity", "topics parity", "published agreement"),
)
def one_sign_flipped(patch: Patch) -> None:
    change_vectors(patch, lambda vectors: vectors * np.where(np.arange(vectors.shape[1]) == 7, -1, 1))


@fault(
    "components permuted",
    "out",
    "the components come in another order, which no cosine between them shows",
    kills=("parity", "topics parity"),
)
def components_permuted(patch: Patch) -> None:
    change_vectors(patch, lambda vectors: vectors[:, ::-1])


@fault(
    "mean of the call subtracted",
    "out",
    "vectors are centred on those that they were asked for with",
    kills=("parity", "alone or mixed", "batch budget", "generated mixtures"),
)
def mean_subtracted(patch: Patch) -> None:
    def centre(vectors: NDArray[np.float32]) -> NDArray[Any]:
        if len(vectors) < 2:
            return vectors
        away = vectors - vectors.mean(axis=0)
        centred: NDArray[Any] = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)
        return centred

    change_vectors(patch, centre)


@fault(
    "zeros under load",
    "out",
    "a long call's vectors are zeros, and nobody is told",
    kills=("parity", "norm", "many texts"),
    source="ollama/ollama#17878",
)
def zeros_under_load(patch: Patch) -> None:
    change_vectors(patch, lambda vectors: np.where(np.arange(len(vectors))[:, None] < 48, vectors, 0))


@fault(
    "two passages exchanged",
    "out",
    "two texts of all get each other's vectors, as from a cache whose entries are mixed up",
    kills=("retrieval parity", "edited texts"),
)
def two_passages_exchanged(patch: Patch) -> None:
    one, other, *_ = own_files.slice_of_sets().retrieval.passages()
    partner = {one: other, other: one}

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if isinstance(texts, str):  # the library refuses a single string, which is right
            return right(self, texts, **options)
        return right(self, [partner.get(text, text) for text in texts], **options)

    replace_encode(patch, encode)


@fault(
    "a vector for each token",
    "out",
    "the states of all tokens come back one after the other",
    kills=("alone or mixed", "parity"),
    source="ggml-org/llama.cpp#14543",
)
def vector_for_each_token(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        right(self, texts, **options)
        return np.concatenate([np.zeros((0, self.dimension), np.float32), *self.hidden_states(texts)])

    replace_encode(patch, encode)
