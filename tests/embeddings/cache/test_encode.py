"""What encode makes of a cache: the same vectors, warnings and errors as without one."""

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddings
from embeddings import Embedder, VectorCache, batch_runner
from tests.embeddings.cache.texts import TEXTS, once_each
from tests.support import tiny


def test_bits_and_repeats(model: Embedder, tmp_path: Path) -> None:
    """Cold, from memory, from the file: the same bits, in the order asked for, each repeat with its own."""
    expected = once_each(model, TEXTS)
    with VectorCache(tmp_path / "cache") as cache:
        np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), expected)
        np.testing.assert_array_equal(model.encode(TEXTS[::-1], cache=cache), expected[::-1])
        assert (cache.stats().misses, cache.stats().memory_hits) == (5, 5)
    with VectorCache(tmp_path / "cache") as cache:
        np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), expected)
        assert (cache.stats().misses, cache.stats().file_hits) == (0, 5)
        assert model.encode([], cache=cache).shape == (0, 16)


def test_only_what_is_missing_is_computed_and_once(
    model: Embedder, cache: VectorCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed: list[int] = []
    right = batch_runner.forward

    def counted(model: Any, tokens: embeddings.TokenizedTexts, *rest: Any) -> object:
        computed.append(len(tokens.ids))
        return right(model, tokens, *rest)

    monkeypatch.setattr(batch_runner, "forward", counted)
    model.encode(["a", "b", "a", "a"], cache=cache)
    vectors = model.encode(["c", "a", "c", "b"], cache=cache)
    model.encode(["a", "b", "c"], cache=cache)
    assert computed == [2, 1]
    assert vectors.shape == (4, 16)


def test_results_are_the_callers_own(model: Embedder, cache: VectorCache) -> None:
    for _ in range(2):
        first = model.encode(TEXTS, cache=cache)
        kept = first.copy()
        first[:] = 0
        np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), kept)


def test_a_hit_warns_of_truncation_as_a_computation_does(model: Embedder, cache: VectorCache) -> None:
    texts, told = ["a " * 30, "b", "a " * 30, "c " * 20], []
    for options in ({}, {"cache": cache}, {"cache": cache}):
        with pytest.warns(embeddings.TruncationWarning) as caught:
            model.encode(texts, **options)  # type: ignore[arg-type]
        told.append([(str(warning.message), warning.filename) for warning in caught])
    message = "3 of 4 texts were cut at 20 tokens; 26 tokens were dropped"
    assert told == [[(message, __file__)]] * 3


@pytest.mark.parametrize(
    ("texts", "options"),
    [
        (["a", "b", "a", "bad \ud800"], {}),
        (["a", 7], {}),
        ("text", {}),
        (7, {}),
        (["a"], {"prompt_name": "no such"}),
        (["a"], {"prompt_name": "q", "prompt": "q: "}),
        (["a"], {"instruction": "none here"}),
        (["a"], {"truncate_dim": 17}),
        (["a"], {"batch_tokens": 0}),
        ([], {"batch_tokens": 0}),
    ],
)
def test_what_is_refused_is_refused_alike(
    model: Embedder, cache: VectorCache, texts: list[str], options: dict[str, object]
) -> None:
    model.encode(["a", "b"], cache=cache)
    with pytest.raises(embeddings.InputError) as without:
        model.encode(texts, **options)  # type: ignore[arg-type]
    with pytest.raises(embeddings.InputError) as within:
        model.encode(texts, **options, cache=cache)  # type: ignore[arg-type]
    assert str(within.value) == str(without.value)


def test_a_name_is_no_cache(model: Embedder) -> None:
    with pytest.raises(
        embeddings.InputError, match="cache: must be a VectorCache, got str; open VectorCache"
    ):
        model.encode(["a"], cache="vectors.cache")  # type: ignore[arg-type]


def test_a_text_of_no_token_keeps_its_number(folder: Path, cache: VectorCache, tmp_path: Path) -> None:
    """Of a tokenizer without special tokens; the texts before it are hits and repeats."""
    copy = shutil.copytree(folder, tmp_path / "model")
    tiny.edit_json(copy / "tokenizer.json", post_processor=None)
    model = embeddings.load(copy)
    model.encode(["a", "b"], cache=cache)
    with pytest.raises(embeddings.InputError, match=r"texts\[3\]: gives no token at all"):
        model.encode(["a", "b", "a", ""], cache=cache)


def test_prompts_limits_widths_and_lengths_have_keys_of_their_own(
    model: Embedder, cache: VectorCache
) -> None:
    texts = ["abc d e f g h i j", "a"]
    calls = [
        (model, {}),
        (model, {"prompt_name": "q"}),
        (model, {"normalize_embeddings": False}),
        (model, {"truncate_dim": 8}),
        (model, {"truncate_dim": 8, "normalize_embeddings": False}),
        (model.with_max_tokens(5), {}),
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", embeddings.TruncationWarning)
        expected = [some.encode(texts, **options) for some, options in calls]  # type: ignore[arg-type]
        for _ in range(2):
            for (some, options), right in zip(calls, expected, strict=True):
                np.testing.assert_array_equal(some.encode(texts, **options, cache=cache), right)  # type: ignore[arg-type]
    stats = cache.stats()
    assert (stats.misses, stats.memory_hits) == (12, 12)


def test_a_file_replaced_after_loading_changes_nothing(
    folder: Path, cache: VectorCache, tmp_path: Path
) -> None:
    """The key is of what is in memory, so no vector of it is ever taken for one of the new file."""
    copy = shutil.copytree(folder, tmp_path / "model")
    old = embeddings.load(copy)
    content = (copy / "model.safetensors").read_bytes()
    (copy / "model.safetensors").unlink()  # MLX may still read the old one
    (copy / "model.safetensors").write_bytes(content[:-4] + b"\0\0\xc0\x3f")  # the last weight is 1.5
    vectors, new = old.encode(["abc"], cache=cache), embeddings.load(copy)
    assert np.abs(new.encode(["abc"], cache=cache) - vectors).max() > 1e-3  # measured 0.017
    np.testing.assert_array_equal(embeddings.load(folder).encode(["abc"], cache=cache), vectors)
    assert cache.stats().misses == 2


def test_precision_and_recipe_have_keys_of_their_own(
    folder: Path, cache: VectorCache, tmp_path: Path
) -> None:
    copy = shutil.copytree(folder, tmp_path / "model")
    tiny.edit_json(
        copy / "1_Pooling/config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True
    )
    for model in (
        embeddings.load(folder),
        embeddings.load(folder, precision="float16"),
        embeddings.load(copy),
    ):
        np.testing.assert_array_equal(model.encode(["abc"], cache=cache), model.encode(["abc"]))
    assert cache.stats().misses == 3
