"""The memory of the cache: its bound, its order, and how many bytes it counts."""

import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

import embeddings
from embeddings import VectorCache
from embeddings.cache import vector_cache
from embeddings.cache.sqlite_store import Entry
from tests.embeddings.cache.texts import entry


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
