"""What a caller chooses of a decoder: instruction, width, recipe, limit and precision."""

import numpy as np
import pytest

import embeddings
from embedding_gate import adapter
from embedding_gate.subjects.live import LONGEST
from tests.support.tiny_decoders import FLOAT, TEXTS


def test_official_recipe() -> None:
    """One end token, the last real token pooled, length 1, the instruction before queries alone."""
    model = embeddings.load(FLOAT)
    tokens = model.tokenize(TEXTS)
    for ids in tokens.ids:
        assert ids[-1] == 256
        assert (ids[:-1] != 256).all()
    vectors = model.encode(TEXTS)
    for vector, states in zip(vectors, model.hidden_states(TEXTS), strict=True):
        np.testing.assert_allclose(vector, states[-1] / np.linalg.norm(states[-1]), atol=1e-6)
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a"
    np.testing.assert_allclose(model.encode(["a"], prompt_name="query"), model.encode([asked]), atol=1e-6)
    np.testing.assert_allclose(model.encode(["a"], prompt_name="document"), vectors[:1], atol=1e-6)


def test_the_gate_cuts_texts_at_a_limit_of_its_own() -> None:
    """A model of 4,096 tokens is judged on 512, and the table says so."""
    subject = adapter.open_subject(str(FLOAT))
    assert subject.encoder.max_tokens == LONGEST == 512
    assert subject.notes[0] == "  judged on texts of at most 512 tokens; the model reads 4,096"


def test_an_instruction_of_the_callers() -> None:
    model = embeddings.load(FLOAT)
    own = "Instruct: Find a rhyme\nQuery:a"
    found = model.encode(["a"], prompt_name="query", instruction="Find a rhyme")
    np.testing.assert_allclose(found, model.encode([own]), atol=1e-6)
    assert model.count_tokens(["a"], prompt_name="query", instruction="Find a rhyme")[0] == len(own) + 1
    with pytest.raises(embeddings.InputError, match="takes none with prompt 'document'"):
        model.encode(["a"], prompt_name="document", instruction="x")
    with pytest.raises(embeddings.InputError, match="instruction: all-MiniLM-L6-v2 takes none; leave it out"):
        embeddings.load().encode(["a"], instruction="x")


def test_dimensions_outside_what_the_model_allows() -> None:
    model = embeddings.load(FLOAT)
    assert model.encode(["a"], truncate_dim=32).shape == (1, 32)
    for width in (31, 65):
        with pytest.raises(embeddings.InputError, match="whole number from 32 to 64"):
            model.encode(["a"], truncate_dim=width)


def test_reference_recipe() -> None:
    """The mean over all tokens, each of which reads the whole text: as the published figures were made."""
    model = embeddings.load(FLOAT, recipe="reference-2025")
    for vector, states in zip(model.encode(TEXTS), model.hidden_states(TEXTS), strict=True):
        mean = states.mean(axis=0)
        np.testing.assert_allclose(vector, mean / np.linalg.norm(mean), atol=1e-6)
    first = [states[0] for states in model.hidden_states(["a text", "a tent"])]
    assert np.abs(first[0] - first[1]).max() > 0.01
    with pytest.raises(embeddings.UnsupportedModel, match="recipe reference-2025 is for decoders"):
        embeddings.load(recipe="reference-2025")


def test_limit_and_precision() -> None:
    short = embeddings.load(FLOAT, max_tokens=16)
    assert short.count_tokens(["x" * 50])[0] == short.max_tokens == 16
    for limit in (0, 4097, -1):
        with pytest.raises(embeddings.InputError, match="max_tokens: must be a whole number from 1 to 4096"):
            embeddings.load(FLOAT, max_tokens=limit)
    with pytest.raises(embeddings.InputError, match="precision: must be one of"):
        embeddings.load(FLOAT, precision="fp8")
