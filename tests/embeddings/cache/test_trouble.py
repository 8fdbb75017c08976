"""The cache in trouble: a full disk, a file that is read-only, an interrupt, threads and forks."""

import multiprocessing
import os
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embeddings import CacheError, CacheWarning, Embedder, VectorCache, batch_runner
from embeddings.backend import mx
from tests.embeddings.cache.texts import MANY, TEXTS, entry, once_each
from tests.support import HANG


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
    monkeypatch.setitem(batch_runner.SIDE_BY_SIDE, device, 1)
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
    """A child whose parent held the lock at the fork goes on and opens the file again."""
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
            child.kill()  # one that waits for the lock would never end
        finally:
            free.set()
            holder.join()
        assert child.exitcode == 0
        assert cache.get_many([b"a", b"b"]).keys() == {b"a", b"b"}


def test_a_child_never_asks_the_connection_of_its_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the file cannot be opened again, the second call fails as the first one does."""
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
