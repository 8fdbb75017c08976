"""A cache of vectors: a bounded memory over an optional file, for ``Embedder.encode(texts, cache=...)``.

What it returns is what was computed, bit for bit, or nothing: keys hold all that changes a vector
(cache_key.py), and the file knows a damaged row (cache_file.py).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from embeddings.cache_file import DEFAULT_BYTES, LEAST_BYTES, CacheFile, Entry
from embeddings.cache_key import Inputs, keys_of
from embeddings.errors import CacheNotWritable, CacheWarning, InputError, warn

__all__ = ["CacheStats", "Entry", "Lookup", "VectorCache"]

_OVERHEAD = 350  # bytes of an entry in memory beside its vector: key, tuple, link of the LRU (test_cache.py)


@dataclass(frozen=True)
class CacheStats:
    """What a cache did since it was opened, and what it holds. Each distinct text of a call counts once.

    memory_hits, file_hits, misses: texts found in memory, in the file, nowhere.
    memory_entries, memory_bytes, memory_evictions: of the first level; entries that had to leave it.
    file_entries, file_bytes, file_evictions: of the second, with what other processes put there; 0 without.
    """

    memory_hits: int
    file_hits: int
    misses: int
    memory_entries: int
    memory_bytes: int
    memory_evictions: int
    file_entries: int
    file_bytes: int
    file_evictions: int


class VectorCache:
    """Entries by key, the least recently used leaving first; beneath it a file, the oldest leaving first.

    Threads may share one, processes a file. After a fork, a child begins with an empty memory.

    path: the file, made where there is none; None for memory alone.
    memory_bytes: bound of the memory, keys and overhead counted; 0 for the file alone.
    disk_bytes: bound of the file, at least 1 MiB.

    Raises:
        CacheError: the file is not a cache, damaged, or not to be opened. It is left as it is.
        InputError: a bound that is none.

    """

    def __init__(
        self,
        path: Path | str | None = None,
        *,
        memory_bytes: int = 256 << 20,
        disk_bytes: int = DEFAULT_BYTES,
    ) -> None:
        for name, value, least in (
            ("memory_bytes", memory_bytes, 0),
            ("disk_bytes", disk_bytes, LEAST_BYTES),
        ):
            if not isinstance(value, int) or value < least:
                raise InputError(
                    name, f"must be a whole number of at least {least}, got {value!r}", hint="leave it out"
                )
        self._memory_bytes, self._disk_bytes = memory_bytes, disk_bytes
        self._hits = self._file_hits = self._misses = self._evictions = self._file_evictions = 0
        self._left_open: list[CacheFile] = []
        self._begin(None if path is None else Path(path))

    def __enter__(self) -> "VectorCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file, and forget what is in memory."""
        self._see_to_fork()
        if self._file:
            self._file.close()
        self._forget()

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, Entry]:
        """Return key -> entry of those keys that are there, in one go.

        Raises:
            CacheError: the file is damaged or cannot be read.

        """
        self._see_to_fork()
        found, lacking = dict[bytes, Entry](), list[bytes]()
        with self._lock:
            entries, touch = self._entries, self._entries.move_to_end
            for key in dict.fromkeys(keys):
                if (entry := entries.get(key)) is None:
                    lacking.append(key)
                else:
                    touch(key)
                    found[key] = entry
            self._hits += len(found)
        stored = self._file.get(lacking) if self._file and lacking else {}
        with self._lock:
            self._file_hits += len(stored)
            self._misses += len(lacking) - len(stored)
            self._remember(stored)
        return found | stored if stored else found

    def put_many(self, entries: Mapping[bytes, Entry]) -> None:
        """Keep entries, in one go: in memory, then in the file.

        Raises:
            CacheNotWritable: the file did not take them; memory has them, and what the file had is there.
            CacheError: the file is damaged.

        """
        self._see_to_fork()
        with self._lock:
            self._remember(entries)
        evicted = self._file.put(entries) if self._file else 0
        with self._lock:
            self._file_evictions += evicted

    def clear(self) -> None:
        """Delete all entries, in memory and in the file.

        Raises:
            CacheError: the file cannot be changed.

        """
        self._see_to_fork()
        self._forget()
        if self._file:
            self._file.clear()

    def stats(self) -> CacheStats:
        """Return the counts so far. Those of the file are read off it."""
        self._see_to_fork()
        file_entries, file_bytes = self._file.size() if self._file else (0, 0)
        with self._lock:
            return CacheStats(
                memory_hits=self._hits,
                file_hits=self._file_hits,
                misses=self._misses,
                memory_entries=len(self._entries),
                memory_bytes=self._bytes,
                memory_evictions=self._evictions,
                file_entries=file_entries,
                file_bytes=file_bytes,
                file_evictions=self._file_evictions,
            )

    def _begin(self, path: Path | None) -> None:
        self._lock = threading.Lock()
        self._forget()
        self._file = None if path is None else CacheFile(path, max_bytes=self._disk_bytes)
        self._process = os.getpid()  # last: where the file is refused, the next call begins anew as well

    def _see_to_fork(self) -> None:
        """Begin anew in a child: a thread of the parent may have held the lock at the fork, for ever.

        SQLite's connections must not cross a fork, nor be closed beyond one, so the parent's is kept.
        """
        if self._process != os.getpid():
            self._left_open += [self._file] if self._file else []
            self._begin(self._file.path if self._file else None)

    def _forget(self) -> None:
        with self._lock:
            self._entries: OrderedDict[bytes, Entry] = OrderedDict()
            self._bytes = 0

    def _remember(self, entries: Mapping[bytes, Entry]) -> None:
        """Put entries into memory and let the least recently used go; the caller holds the lock."""
        for key, entry in entries.items():
            size = len(entry.vector) + _OVERHEAD
            if size > self._memory_bytes:
                continue
            if key not in self._entries:
                self._bytes += size
            self._entries[key] = entry
            self._entries.move_to_end(key)
        while self._bytes > self._memory_bytes:
            _, gone = self._entries.popitem(last=False)
            self._bytes -= len(gone.vector) + _OVERHEAD
            self._evictions += 1


class Lookup:
    """What a cache has of the texts of one call, and what is to be computed: each distinct text once.

    texts: N texts that are known to be texts. inputs: all else that changes their vectors.

    Raises:
        InputError: the cache is none, say the name of its file.
        CacheError: the file is damaged or cannot be read.

    """

    def __init__(self, cache: VectorCache, inputs: Inputs, texts: Sequence[str]) -> None:
        if not isinstance(cache, VectorCache):
            raise InputError(
                "cache", f"must be a VectorCache, got {type(cache).__name__}", hint="open VectorCache(FILE)"
            )
        self._cache = cache
        self._keys = keys_of(inputs, texts)
        asked = dict(zip(self._keys, texts, strict=True))
        self._entries = cache.get_many(asked)
        some_lack = len(self._entries) < len(asked)
        lacking = {key: asked[key] for key in asked if key not in self._entries} if some_lack else {}
        self._lacking, self.missing = list(lacking), list(lacking.values())
        self._writable = True

    def dropped(self, computed: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the tokens (N,) cut off each text, given those (M,) of the missing ones."""
        entries, of = self._entries, dict(zip(self._lacking, computed.tolist(), strict=True))
        cut = [of[key] if key in of else entries[key][1] for key in self._keys]
        return np.array(cut, dtype=np.int64)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32], dropped: NDArray[np.int64]) -> None:
        """Keep the vectors (B, D) of the missing texts numbered rows (B,), which lost so many tokens (B,).

        Warns:
            CacheWarning: the file cannot be written; once a call, which computes on without it.

        """
        little_endian = vectors.astype("<f4", copy=False)
        computed = {
            self._lacking[row]: Entry(vector.tobytes(), lost)
            for row, vector, lost in zip(rows.tolist(), little_endian, dropped.tolist(), strict=True)
        }
        self._entries.update(computed)
        if not self._writable:
            return
        try:
            self._cache.put_many(computed)
        except CacheNotWritable as error:
            self._writable = False
            warn(CacheWarning(f"{error}; the rest of this call is not kept"))

    def vectors(self, width: int) -> NDArray[np.float32]:
        """Return the vectors (N, width) of all texts, a copy of the caller's own."""
        entries = self._entries
        joined = bytearray().join([entries[key][0] for key in self._keys])
        return (
            np.frombuffer(joined, dtype="<f4").reshape(len(self._keys), width).astype(np.float32, copy=False)
        )
