"""The library's own promises, on the tiny model."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

import embeddings
from embeddings import Embedder
from tests.support import tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.build(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="module")
def model(folder: Path) -> Embedder:
    return embeddings.load(folder)


def test_shapes_and_types(model: Embedder) -> None:
    assert model.encode([]).shape == (0, 16)
    vectors = model.encode(["abc", "", "d e f"])
    assert vectors.shape == (3, 16)
    assert vectors.dtype == np.float32
    assert model.dimension == 16


def test_hidden_states_pool_to_the_vector(model: Embedder) -> None:
    """The mean of the hidden states, scaled, is the vector: encode hides nothing in between."""
    texts = ["abc", "the quick brown fox", ""]
    states = model.hidden_states(texts)
    assert [len(state) for state in states] == model.count_tokens(texts).tolist()
    pooled = np.array([state.mean(axis=0) for state in states])
    np.testing.assert_allclose(model.encode(texts, normalize_embeddings=False), pooled, atol=2e-6)
    np.testing.assert_allclose(
        model.encode(texts), pooled / np.linalg.norm(pooled, axis=1, keepdims=True), atol=2e-6
    )


def test_truncation_is_counted_and_reported(model: Embedder) -> None:
    """20 tokens at most, two of them special."""
    with pytest.warns(
        embeddings.TruncationWarning, match="1 of 2 texts were cut at 20 tokens; 12 tokens were dropped"
    ):
        model.encode(["a " * 30, "b"])
    tokens = model.tokenize(["a " * 30, "b", "c " * 18])
    assert tokens.lengths.tolist() == [20, 3, 20]
    assert tokens.dropped.tolist() == [12, 0, 0]
    assert tokens.ids[0][-1] == 3  # the closing special token is kept


def test_no_warning_at_the_limit(model: Embedder) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.encode(["c " * 18])


def test_hundred_thousand_short_texts(model: Embedder) -> None:
    texts = [f"{'abcdefghij'[n % 10]} {'klmnopqrst'[n // 10 % 10]}" for n in range(100_000)]
    vectors = model.encode(texts, batch_tokens=16_384)
    assert vectors.shape == (100_000, 16)
    np.testing.assert_allclose(vectors[:100], vectors[-100:], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_progress_threshold(model: Embedder, capsys: pytest.CaptureFixture[str]) -> None:
    model.encode(["abc"] * 10, show_progress_bar=True)
    assert "tokens" in capsys.readouterr().err
    model.encode(["abc"] * 10)
    assert not capsys.readouterr().err


def test_a_generator_of_texts(model: Embedder) -> None:
    """Anything that can be listed once is a sequence of texts."""
    np.testing.assert_array_equal(model.encode(text for text in ("a", "b")), model.encode(["a", "b"]))  # type: ignore[arg-type]


def test_prompts(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "model")
    prompts = {"prompts": {"query": "q: ", "plain": ""}, "default_prompt_name": "plain"}
    tiny.write_json(folder / "config_sentence_transformers.json", prompts)
    model = embeddings.load(folder)
    query = model.encode(["q: abc"])
    np.testing.assert_array_equal(model.encode(["abc"], prompt_name="query"), query)
    np.testing.assert_array_equal(model.encode(["abc"], prompt="q: "), query)
    np.testing.assert_array_equal(model.encode(["abc"]), model.encode(["abc"], prompt_name="plain"))
    np.testing.assert_array_equal(model.encode(["q: abc"], prompt=""), query)
    for count in (
        model.count_tokens,
        lambda *texts, **options: len(model.hidden_states(*texts, **options)[0]),
    ):
        assert count(["abc"], prompt_name="query") == count(["abc"], prompt="q: ") == count(["q: abc"])


QUERY, DOCUMENT = "encode_query", "encode_document"


@pytest.mark.parametrize(
    ("names", "encode", "options", "prefix"),
    [
        (["query", "document"], QUERY, {}, "query: "),
        (["query", "document"], DOCUMENT, {}, "document: "),
        (["query", "corpus", "passage"], DOCUMENT, {}, "passage: "),
        (["query", "corpus"], DOCUMENT, {}, "corpus: "),
        (["query", "document"], QUERY, {"prompt_name": "document"}, "document: "),
        (["query", "document"], DOCUMENT, {"prompt": "d: "}, "d: "),
        (["query"], DOCUMENT, {}, ""),
        ([], QUERY, {}, ""),
    ],
)
def test_queries_and_documents_get_their_prompts(
    tmp_path: Path, names: list[str], encode: str, options: dict[str, str], prefix: str
) -> None:
    """The names are those of sentence-transformers, and a prompt of the caller's is used in their place."""
    folder = tiny.build(tmp_path / "model")
    prompts = {"prompts": {name: f"{name}: " for name in names}}
    tiny.write_json(folder / "config_sentence_transformers.json", prompts)
    model = embeddings.load(folder)
    found = getattr(model, encode)(["abc"], normalize_embeddings=False, **options)
    np.testing.assert_array_equal(found, model.encode([f"{prefix}abc"], normalize_embeddings=False))


def test_the_default_prompt_is_used_for_a_role_without_a_prompt(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "model")
    prompts = {"prompts": {"other": "o: "}, "default_prompt_name": "other"}
    tiny.write_json(folder / "config_sentence_transformers.json", prompts)
    model = embeddings.load(folder)
    np.testing.assert_array_equal(model.encode_query(["abc"]), model.encode(["o: abc"], prompt=""))


@pytest.mark.parametrize("encode", ["encode", QUERY, DOCUMENT])
def test_a_warning_names_the_line_of_the_caller(model: Embedder, encode: str) -> None:
    with pytest.warns(embeddings.TruncationWarning) as caught:
        getattr(model, encode)(["a " * 30])
    assert [warning.filename for warning in caught] == [__file__]


def test_similarity(model: Embedder) -> None:
    """Cosines, of vectors of any length; one vector is an array of one, and zero is like nothing."""
    a, b = np.array([[1, 0], [3, 4], [0, 0]]), np.array([[2, 0], [-5, 0]])
    found = model.similarity(a, b)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.array([[1, -1], [0.6, -0.6], [0, 0]]), atol=1e-7)
    np.testing.assert_allclose(model.similarity(a[1], b), np.array([[0.6, -0.6]]), atol=1e-7)
    vectors = model.encode(["abc", "d e f"])
    np.testing.assert_allclose(model.similarity(vectors, 3 * vectors), vectors @ vectors.T, atol=1e-6)
    for other in (np.ones((2, 3)), np.ones((1, 2, 2))):
        with pytest.raises(embeddings.InputError, match=r"needs arrays of shape \(N, D\) and \(M, D\)"):
            model.similarity(a, other)


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            {
                "sentence_bert_config.json": {"max_seq_length": 12},
                "tokenizer_config.json": {"model_max_length": 16},
            },
            12,
        ),
        ({"sentence_bert_config.json": {}, "tokenizer_config.json": {"model_max_length": 16}}, 16),
        ({"sentence_bert_config.json": {}, "tokenizer_config.json": {"model_max_length": 1e30}}, 160),
        ({"sentence_bert_config.json": {}}, 160),
        ({"sentence_bert_config.json": {"max_seq_length": 500}}, 160),
    ],
)
def test_longest_text_by_precedence(tmp_path: Path, files: dict[str, object], expected: int) -> None:
    """sentence_bert_config.json, then tokenizer_config.json, then config.json, never above the positions."""
    folder = tiny.build(tmp_path / "model")
    for name, content in files.items():
        tiny.write_json(folder / name, content)
    assert embeddings.load(folder).max_tokens == expected


def test_tokenizer_json_neither_cuts_nor_pads(tmp_path: Path) -> None:
    """What tokenizer.json says of truncation and padding is switched off."""
    folder = tiny.build(tmp_path / "model")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    content["padding"] = {
        "strategy": {"Fixed": 18},
        "direction": "Right",
        "pad_to_multiple_of": None,
        "pad_id": 0,
        "pad_type_id": 0,
        "pad_token": "[PAD]",
    }
    tiny.write_json(path, content)
    assert embeddings.load(folder).count_tokens(["a b c d e f g"]).tolist() == [9]


@pytest.mark.parametrize(
    ("flag", "pooling"), [("pooling_mode_cls_token", "first"), ("pooling_mode_lasttoken", "last")]
)
def test_poolings(tmp_path: Path, flag: str, pooling: str) -> None:
    """The first and the last real token, also beside longer texts."""
    folder = tiny.build(tmp_path / "model")
    tiny.edit_json(folder / "1_Pooling/config.json", pooling_mode_mean_tokens=False, **{flag: True})
    model = embeddings.load(folder)
    assert model.recipe.pooling == pooling
    texts = ["abc", "a longer text here"]
    states = model.hidden_states(texts)
    expected = [state[0 if pooling == "first" else -1] for state in states]
    np.testing.assert_allclose(model.encode(texts, normalize_embeddings=False), expected, atol=1e-6)


def test_half_precision_weights_are_computed_in_float32(tmp_path: Path) -> None:
    folder = tiny.build(tmp_path / "model")
    halves = {name: weight.astype(np.float16) for name, weight in tiny.weights().items()}
    save_file(halves, folder / "model.safetensors")
    found = embeddings.load(folder).parameters()
    assert {weight.dtype for weight in found.values()} == {np.dtype(np.float32)}
    np.testing.assert_array_equal(found["embeddings.LayerNorm.weight"], halves["embeddings.LayerNorm.weight"])
