"""The cache: its keys, its memory, and what encode makes of it."""

import multiprocessing
import os
import shutil
import sys
import threading
import tracemalloc
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

import embeddings
from embeddings import CacheError, CacheWarning, Embedder, VectorCache, batch_runner
from embeddings.backend import mx
from embeddings.cache import key, vector_cache
from embeddings.cache.key import Inputs, code_digest, keys_of, unambiguous, weights_digest
from embeddings.cache.sqlite_store import Entry
from tests.support import HANG, tiny

TEXTS = ["abc", "d e f", "abc", "", "q: abc", "a longer text of letters"]
PROMPTS = {"prompts": {"q": "q: ", "none": ""}}
MANY = [f"{a} {b}" for a in "abcdefghijklmnopqrst" for b in "abcdefghijklmnopqrst"]
SOME = Inputs(
    architecture="bert",
    weights=b"w",
    tokenizer=b"t",
    pooling="mean",
    causal=True,
    end_token=None,
    max_tokens=20,
    prefix="",
    normalize=True,
    dimensions=16,
    code=b"code",
    arithmetic="cpu",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tiny.build(tmp_path_factory.mktemp("tiny") / "model")
    tiny.write_json(made / "config_sentence_transformers.json", PROMPTS)
    return made


@pytest.fixture(scope="module")
def model(folder: Path) -> Embedder:
    return embeddings.load(folder)


@pytest.fixture
def cache() -> VectorCache:
    return VectorCache()


def once_each(model: Embedder, texts: list[str]) -> NDArray[np.float32]:
    """Vectors without a cache, computed in the batches that a cache has them computed in."""
    distinct = list(dict.fromkeys(texts))
    return model.encode(distinct)[[distinct.index(text) for text in texts]]


def entry(size: int) -> Entry:
    return Entry(bytes(size), 0)


# --- keys ---

LETTERS = "bsi?0"  # what kinds are written as, so that contents look like the beginning of a field
FIELDS = st.one_of(st.binary(), st.text(), st.text(LETTERS), st.integers(), st.booleans(), st.none())


@given(st.lists(FIELDS), st.lists(FIELDS))
def test_no_two_lists_of_fields_are_written_alike(one: list[object], other: list[object]) -> None:
    same = [(type(field), field) for field in one] == [(type(field), field) for field in other]
    assert (unambiguous(one) == unambiguous(other)) == same  # type: ignore[arg-type]


@given(st.one_of(st.text(), st.text(LETTERS, min_size=3)), st.integers(0), st.integers(1))
@example("asbsc", 1, 3)  # without lengths, (a, bsc) and (asb, c) are written alike: sasbsc
def test_a_boundary_that_moves_changes_the_bytes(text: str, place: int, shift: int) -> None:
    """("ab", "c") and ("a", "bc"), and every other place to cut a text in two."""
    cuts = {
        unambiguous((text[:cut], text[cut:])) for cut in (place % (len(text) + 1), shift % (len(text) + 1))
    }
    assert len(cuts) == len({place % (len(text) + 1), shift % (len(text) + 1)})


@pytest.mark.parametrize("one", [b"True", "True", True])
def test_kinds_of_fields_differ(one: object) -> None:
    assert sum(unambiguous((one,)) == unambiguous((other,)) for other in (b"True", "True", True)) == 1  # type: ignore[arg-type]


def test_a_changed_line_of_any_module_changes_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "embeddings"
    library = Path(embeddings.__file__).parent
    shutil.copytree(library, copied)
    monkeypatch.setattr(key, "__file__", str(copied / Path(key.__file__).relative_to(library)))
    modules, found = sorted(copied.rglob("*.py")), []
    assert {"embeddings", "cache", "models", "synthetic"} <= {path.parent.name for path in modules}
    for changed in modules:
        found.append(code_digest.__wrapped__())
        with changed.open("a", encoding="utf-8") as file:
            file.write("\n")
    found.append(code_digest.__wrapped__())
    assert len(set(found)) == len(found) == len(modules) + 1


def test_every_input_changes_the_key() -> None:
    changed: dict[str, Any] = {
        "causal": False,
        "end_token": "",
        "max_tokens": 21,
        "normalize": False,
        "dimensions": 15,
        "weights": b"x",
        "tokenizer": b"x",
    }
    keys = {keys_of(SOME, ["text"])[0]}
    for field in fields(Inputs):
        keys.add(keys_of(replace(SOME, **{field.name: changed.get(field.name, "x")}), ["text"])[0])
    assert len(keys) == 1 + len(fields(Inputs))
    assert len(set(keys_of(SOME, ["text", "text ", "", "\0"]))) == 4


def test_weights_are_told_apart_by_name_type_shape_and_value() -> None:
    base = np.arange(6, dtype=np.float32)
    some: list[dict[str, NDArray[Any]]] = [
        {"a": base},
        {"b": base},
        {"a": base.reshape(2, 3)},
        {"a": base.view(np.uint32)},
        {"a": base + 1},
        {"a": base[:3].copy(), "b": base[3:].copy()},
        {},
    ]
    assert len({weights_digest(weights) for weights in some}) == len(some)


# --- memory ---


def test_least_recently_used_leaves_first() -> None:
    size = 1000 + vector_cache._OVERHEAD
    cache = VectorCache(memory_bytes=3 * size)
    cache.put_many({bytes([n]): entry(1000) for n in range(3)})
    cache.get_many([b"\0"])
    cache.put_many({b"\3": entry(1000)})
    assert cache.get_many(bytes([n]) for n in range(4)).keys() == {b"\0", b"\2", b"\3"}
    cache.put_many({b"\2": entry(1000)})  # again: neither counted twice nor left where it was
    cache.put_many({b"\4": entry(1000)})
    assert cache.get_many(bytes([n]) for n in range(5)).keys() == {b"\2", b"\3", b"\4"}
    stats = cache.stats()
    assert (stats.memory_entries, stats.memory_bytes, stats.memory_evictions) == (3, 3 * size, 2)


def test_what_is_larger_than_the_memory_is_not_kept() -> None:
    cache = VectorCache(memory_bytes=1000)
    cache.put_many({b"small": entry(4), b"large": entry(1000)})
    assert list(cache.get_many([b"small", b"large"])) == [b"small"]


def test_bytes_in_memory_are_no_fewer_than_counted() -> None:
    """The constant of an entry's overhead against what Python takes: 309 bytes, just after a table grew."""
    cache, count, size = VectorCache(), 22_000, 64
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for start in range(0, count, 100):
        cache.put_many({os.urandom(32): Entry(os.urandom(size), 1000 + n) for n in range(start, start + 100)})
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 * cache.stats().memory_bytes < after - before <= cache.stats().memory_bytes


@pytest.mark.parametrize("bound", [{"memory_bytes": -1}, {"memory_bytes": 0.5}, {"disk_bytes": 1000}])
def test_bad_bounds(bound: dict[str, Any]) -> None:
    with pytest.raises(
        embeddings.InputError, match=f"{next(iter(bound))}: must be a whole number of at least"
    ):
        VectorCache(**bound)


def test_clear_and_close(tmp_path: Path) -> None:
    with VectorCache(tmp_path / "cache") as cache:
        cache.put_many({b"a": entry(4)})
        cache.clear()
        assert not cache.get_many([b"a"])
        assert cache.stats().memory_bytes == cache.stats().file_entries == 0
    with pytest.raises(embeddings.CacheError, match="was closed"):
        cache.get_many([b"a"])


# --- encode ---


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


def test_a_full_disk_costs_one_warning(model: Embedder, tmp_path: Path) -> None:
    """Vectors are returned and remembered, and what the file had is still there."""
    with VectorCache(tmp_path / "cache") as cache:
        model.encode(TEXTS, cache=cache)
        assert cache._file is not None
        cache._file._connection.execute("PRAGMA max_page_count = 1")  # which SQLite takes for: what it has
        with pytest.warns(CacheWarning, match="cannot be written .*full.*is not kept") as caught:
            vectors = model.encode(MANY, cache=cache, batch_tokens=40)
        assert [warning.filename for warning in caught] == [__file__]
        np.testing.assert_array_equal(vectors, model.encode(MANY, batch_tokens=40))
    with VectorCache(tmp_path / "cache") as cache:
        np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), once_each(model, TEXTS))
        assert cache.stats().misses == 0


def test_a_file_that_is_read_only_is_still_read(model: Embedder, tmp_path: Path) -> None:
    with VectorCache(tmp_path / "cache", memory_bytes=0) as cache:
        model.encode(TEXTS, cache=cache)
        assert cache._file is not None
        cache._file._connection.execute("PRAGMA query_only = ON")
        with pytest.warns(CacheWarning, match="readonly"):
            model.encode(["new"], cache=cache)
        np.testing.assert_array_equal(model.encode(TEXTS, cache=cache), once_each(model, TEXTS))
        assert cache.stats().file_hits == 5


def test_an_interrupt_keeps_what_was_computed(
    model: Embedder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C in the third step of a call: the batches before it are in the file, whole.

    A step is one batch here, not one for each core: many cores would be done before the third.
    """
    device = mx.default_device().type
    monkeypatch.setitem(batch_runner.STREAMS, device, batch_runner.STREAMS[device][:1])
    right, steps = batch_runner.forward, iter(range(100))

    def interrupted(*arguments: Any) -> object:
        if next(steps) == 2:
            raise KeyboardInterrupt
        return right(*arguments)

    expected = model.encode(MANY, batch_tokens=40)
    with VectorCache(tmp_path / "cache") as cache:
        monkeypatch.setattr(batch_runner, "forward", interrupted)
        with pytest.raises(KeyboardInterrupt):
            model.encode(MANY, cache=cache, batch_tokens=40)
        kept = cache.stats().file_entries
        assert 0 < kept < len(MANY)
    monkeypatch.setattr(batch_runner, "forward", right)
    with VectorCache(tmp_path / "cache") as cache:
        np.testing.assert_array_equal(model.encode(MANY, cache=cache, batch_tokens=40), expected)
        assert (cache.stats().file_hits, cache.stats().misses) == (kept, len(MANY) - kept)


def test_eight_threads(model: Embedder, tmp_path: Path) -> None:
    """They share a cache too small for its texts, and get the vectors that are right."""
    texts = MANY[:64]
    expected = dict(zip(texts, model.encode(texts), strict=True))

    def worst_of(seed: int) -> float:
        random, worst = np.random.default_rng(seed), 0.0
        for _ in range(20):
            some = [texts[index] for index in random.integers(len(texts), size=20)]
            found = model.encode(some, cache=shared)
            worst = max(worst, float(np.abs(found - [expected[text] for text in some]).max()))
        return worst

    with VectorCache(tmp_path / "cache", memory_bytes=5000) as shared, ThreadPoolExecutor(8) as pool:
        assert max(pool.map(worst_of, range(8))) < 2e-6  # other batches; measured 1.2e-7
        assert shared.stats().memory_evictions > 0


def test_after_a_fork(tmp_path: Path) -> None:
    """A child whose parent held the lock at the fork goes on, with the file open anew."""
    with VectorCache(tmp_path / "cache") as cache:
        cache.put_many({b"a": entry(4)})
        held, free = threading.Event(), threading.Event()

        def hold() -> None:
            with cache._lock:
                held.set()
                free.wait()

        holder = threading.Thread(target=hold)
        holder.start()
        held.wait()
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # Python 3.12 advises against such forks
                child = multiprocessing.get_context("fork").Process(target=_in_child, args=(cache,))
                child.start()
            child.join(HANG)
            child.kill()  # one that waits for the lock would wait for ever
        finally:
            free.set()
            holder.join()
        assert child.exitcode == 0
        assert cache.get_many([b"a", b"b"]).keys() == {b"a", b"b"}


def test_a_child_never_asks_the_connection_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file cannot be opened anew, the second call fails as the first one does."""
    with VectorCache(tmp_path / "cache", memory_bytes=0) as cache:
        cache.put_many({b"a": entry(4)})
        (tmp_path / "cache").rename(tmp_path / "moved")
        (tmp_path / "cache").write_text("notes " * 100)
        with monkeypatch.context() as child:
            child.setattr(os, "getpid", lambda: -1)
            for _ in range(2):
                with pytest.raises(CacheError, match="is not a cache"):
                    cache.get_many([b"a"])


def _in_child(cache: VectorCache) -> None:
    cache.put_many({b"b": entry(4)})
    sys.exit(0 if cache.get_many([b"a", b"b"]).keys() == {b"a", b"b"} else 1)
