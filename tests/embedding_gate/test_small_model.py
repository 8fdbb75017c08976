"""The small model of each architecture: by the same code, quick, and with a vector for each text."""

from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate import own_files
from embedding_gate.small_model import small
from embedding_gate.subjects.calls import Call
from embedding_gate.subjects.offers import LIBRARY
from embedding_gate.subjects.plan import mixed
from embedding_gate.subjects.probe import WIDE, Probe
from embeddings.embedder import Embedder
from tests.support import families

FOLDERS = ("tiny-qwen3", "tiny-qwen3-4bit", "tiny-dense")
FAMILIES = (*families.ENCODERS, "llama", "mistral", "gemma2")


@pytest.fixture(params=[*FOLDERS, *FAMILIES])
def original(request: pytest.FixtureRequest, tmp_path: Path) -> Embedder:
    """A model of each architecture."""
    if request.param in FOLDERS:
        return embeddings.load(str(own_files.FIXTURES / request.param))
    return embeddings.load(str(families.build(tmp_path / "model", request.param, pooling="mean_tokens")))


def test_a_small_model_of_each_architecture(original: Embedder) -> None:
    made = small(original)
    assert type(made.model) is type(original.model)
    assert (made.tokenizer, made.recipe) == (original.tokenizer, original.recipe)
    assert made.dimension <= original.dimension
    probe = Probe(made, LIBRARY, embeddings.InputError)
    vectors = probe.known(probe.texts)
    apart = np.linalg.norm(vectors[:, None] - vectors, axis=-1) / np.linalg.norm(vectors, axis=-1)
    assert apart[~np.eye(len(vectors), dtype=bool)].min() > 1e-3  # any two texts; rounding is 4e-7
    assert probe.difference(Call(mixed(probe.mixed, 40), {"batch_tokens": WIDE})) <= 2e-6
