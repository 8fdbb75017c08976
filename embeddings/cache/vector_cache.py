"""A cache of vectors: a bounded memory and an optional file, for ``Embedder.encode(texts, cache=...)``.

It returns exactly the bits that were computed, or nothing. The key covers everything that affects a vector
(key.py), and the file detects damaged rows (sqlite_store.py).
"""

import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from embeddings.cache.sqlite_store import DEFAULT_BYTES, LEAST_BYTES, Entry, SQLiteStore
from embeddings.errors import InputError

__all__ = ["CacheStats", "VectorCache"]

_OVERHEAD = 350  # bytes of an entry in memory without its vector: key, tuple, LRU link (test_memory.py)


@dataclass(frozen=True)
class CacheStats:
    """The counts of a cache since it was opened, and its contents. Each distinct text of a call counts once.

    memory_hits, file_hits, misses: texts found in memory, texts found in the file, texts not found.
    memory_entries, memory_bytes, memory_evictions: entries in memory, their size, entries removed from it.
    file_entries, file_bytes: of the file, with the entries of other processes. 0 without a file.
    file_evictions: entries that this cache removed from the file. 0 without a file.
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
    """Entries by key, in memory and in an optional file.

    If the memory is full, the least recently used entries are removed. If the file is full, the oldest are.
    Threads may share a cache. Processes may share a file. After a fork, a child starts with empty memory.

    path: the file. It is created if it does not exist. None uses memory only.
    memory_bytes: limit of the memory, with keys and overhead. 0 uses the file only.
    disk_bytes: limit of the file, at least 1 MiB.

    Raises:
        CacheError: the file is not a cache, is damaged, or cannot be opened. The file is not changed.
        InputError: a limit is not valid.

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
        self._left_open: list[SQLiteStore] = []
        self._begin(None if path is None else Path(path))

    def __enter__(self) -> "VectorCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file and empty the memory."""
        self._see_to_fork()
        if self._file:
            self._file.close()
        self._forget()

    def get_many(self, keys: Iterable[bytes]) -> dict[bytes, Entry]:
        """Return key -> entry for the keys that the cache has, in one call.

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
        """Store entries in one call: first in memory, then in the file.

        Raises:
            CacheNotWritable: the file cannot be written. The entries are in memory, and the file keeps its
                old entries.
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
        """Return the counts so far. The number of entries and the size of the file are read from the file."""
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
        self._file = None if path is None else SQLiteStore(path, max_bytes=self._disk_bytes)
        self._process = os.getpid()  # last: if the file is refused, the next call tries again

    def _see_to_fork(self) -> None:
        """Start again in a child process, because a thread of the parent may have held the lock at the fork.

        In the child such a lock is never released. A SQLite connection must not be used or closed after a
        fork. So the child keeps the parent's connection open and opens its own.
        """
        if self._process != os.getpid():
            self._left_open += [self._file] if self._file else []
            self._begin(self._file.path if self._file else None)

    def _forget(self) -> None:
        with self._lock:
            self._entries: OrderedDict[bytes, Entry] = OrderedDict()
            self._bytes = 0

    def _remember(self, entries: Mapping[bytes, Entry]) -> None:
        """Put entries into memory and remove the least recently used ones. The caller holds the lock."""
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
