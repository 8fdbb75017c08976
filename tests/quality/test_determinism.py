"""The same text gives the same vector: again, in another thread, in another process."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.evaluation.gate import Gate
from embeddings.evaluation.metrics import differences
from embeddings.evaluation.subject import Subject

pytestmark = pytest.mark.quality


def sample(subject: Subject) -> list[str]:
    """Pick a few short texts of many kinds."""
    return subject.texts.of_kind("word", "sentence", "script", "format")[::20]


def test_repeated(subject: Subject, gate: Gate) -> None:
    """A second call gives the same vectors."""
    texts = sample(subject)
    first, second = subject.encoder.encode(texts), subject.encoder.encode(texts)
    gate.require(differences(list(first), list(second)).max())


def test_threads(subject: Subject, gate: Gate) -> None:
    """Eight threads that share the model each get the vectors that one alone gets."""
    texts = sample(subject)
    expected = subject.encoder.encode(texts)

    def encode_permuted(seed: int) -> NDArray[np.float32]:
        order = np.random.default_rng(seed).permutation(len(texts))
        vectors = np.empty_like(expected)
        vectors[order] = subject.encoder.encode([texts[index] for index in order])
        return vectors

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(encode_permuted, range(8)))
    gate.require(np.max([differences(list(vectors), list(expected)).max() for vectors in found]))


def test_new_process(subject: Subject, gate: Gate) -> None:
    """A new Python process gives the same vectors."""
    texts = sample(subject)
    gate.require(
        differences(list(subject.encode_elsewhere(texts)), list(subject.encoder.encode(texts))).max()
    )
