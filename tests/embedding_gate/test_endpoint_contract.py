"""Texts at the limit of a model, made with its own tokenizer."""

from typing import cast

import embeddings
from embedding_gate.endpoint import Client, Endpoint, distinct_texts
from embedding_gate.own_files import ROOT, texts
from tests.support.endpoints import FAKE, Model, sample

NOBODY = cast("Client", None)


def opened() -> Client:
    raise NotImplementedError


def endpoint(model: Model, limit: int) -> Endpoint:
    known = distinct_texts(texts().of_kind("word", "sentence"), model.tokenize)
    return Endpoint(NOBODY, opened, model.tokenize, limit, known)


def test_texts_at_the_limit() -> None:
    model = embeddings.load()
    made = endpoint(model, model.max_tokens)
    found = model.tokenize([made.exact, made.over])
    assert [len(ids) for ids in found.ids] == [model.max_tokens] * 2
    assert found.dropped[0] == 0 < found.dropped[1]
    assert found.ids[0].tolist() == found.ids[1].tolist()


def test_a_tokenizer_without_words() -> None:
    model = embeddings.load(str(ROOT / "fixtures/tiny-qwen3")).with_max_tokens(64)
    made = endpoint(model, 64)
    assert not made.exact
    assert model.tokenize([made.over]).dropped[0] > 0


def test_no_text_is_made_for_a_limit_that_takes_too_long() -> None:
    assert not endpoint(FAKE, 8193).over
    assert not endpoint(FAKE, 8193).exact


def test_samples_are_texts_that_the_model_tells_apart() -> None:
    for seed in range(5):
        chosen = sample(seed)
        assert len({FAKE.encode([text]).tobytes() for text in chosen}) == len(chosen) == 48
