"""The vectors of a cache by key, in a SQLite file that threads and processes share.

The file is in WAL mode. Readers and one writer can work at the same time. A process that is killed loses at
most the batch that it had not committed. Each row has a checksum, so a row that the disk damaged is refused
and not returned. https://www.sqlite.org/wal.html describes the guarantees.

If the file would grow beyond its limit, the oldest rows are deleted. SQLite's -wal and -shm files (16 MiB at
most) are not part of the limit.
"""

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from embeddings.cache.sqlite_file import DELETE, PAGE, explained, open_file
from embeddings.errors import CacheError

__all__ = ["DEFAULT_BYTES", "LEAST_BYTES", "Entry", "SQLiteStore"]

DEFAULT_BYTES = 4 << 30
LEAST_BYTES = 1 << 20  # a smaller file would hold less than about one batch
_ROW = 160  # bytes of a row and its index entry, without the vector
_CHUNK = 1000  # keys in one SELECT; SQLite allows at most 32,766


class Entry(NamedTuple):
    """The stored data of a text: its vector (little-endian float32) and the number of its cut-off tokens."""

    vector: bytes
    dropped: int


class SQLiteStore:
    """One open file. Threads may share it.

    max_bytes: the largest size of the file.
    create: whether to create the file if it does not exist.

    Raises:
        CacheError: the file is not a cache, has another version, is damaged or cannot be opened. The file is
            not changed.

    """

    def __init__(self, path: Path, *, max_bytes: int = DEFAULT_BYTES, create: bool = True) -> None:
        self.path, self._max_bytes = path, max_bytes
        self._lock = threading.Lock()
        self._connection = open_file(path, max_bytes, creating=create)

    def close(self) -> None:
        """Close the file. No other method may be called afterwards."""
        with self._lock, explained(self.path):
            self._connection.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return key -> entry for the keys that the file has.

        Raises:
            CacheError: the file is damaged or cannot be read.

        """
        found = {}
        with self._lock, explained(self.path):
            for start in range(0, len(keys), _CHUNK):
                some = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(some))
                for key, dropped, vector, checksum in self._connection.execute(
                    f"SELECT key, dropped, vector, checksum FROM vectors WHERE key IN ({marks})",  # noqa: S608
                    some,
                ):
                    sound = (type(dropped), type(vector)) == (int, bytes)
                    if not (sound and _checksum(key, dropped, vector) == checksum):
                        raise CacheError(self.path, "a row is damaged", hint=DELETE)
                    found[key] = Entry(vector, dropped)
        return found

    def put(self, entries: Mapping[bytes, Entry]) -> int:
        """Store entries, all of them or none, and return how many old rows were deleted to make room.

        Entries that are already in the file stay as they are. If the entries of one call take more than a
        quarter of the limit, only the last ones are stored.

        Raises:
            CacheNotWritable: the disk is full, the file is read-only, or another process locked it too long.
            CacheError: the file is damaged.

        """
        rows, size = [], 0
        for key, (vector, dropped) in reversed(list(entries.items())):
            size += len(vector) + _ROW
            if size > self._max_bytes // 4:
                break
            rows.append((key, dropped, vector, _checksum(key, dropped, vector)))
        with self._transaction() as connection:
            evicted = self._make_room(size)
            connection.executemany(
                "INSERT OR IGNORE INTO vectors (key, dropped, vector, checksum) VALUES (?, ?, ?, ?)",
                reversed(rows),
            )
        return evicted

    def clear(self) -> None:
        """Delete every entry and free the disk space.

        Raises:
            CacheNotWritable, CacheError: as in ``put``.

        """
        with self._transaction() as connection:
            connection.execute("DELETE FROM vectors")
        with self._lock, explained(self.path, writing=True):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> tuple[int, int]:
        """Return the number of entries and the size of the file in bytes."""
        with self._lock, explained(self.path):
            (entries,) = self._connection.execute("SELECT count(*) FROM vectors").fetchone()
            return entries, self._pages("page_count") * PAGE

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with (
            self._lock,
            explained(self.path, writing=True),
            self._connection,
        ):  # commits at the end, or rolls back after an error
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def _make_room(self, incoming: int) -> int:
        """Delete the oldest sixteenth of the rows, again and again, until 2 x ``incoming`` bytes are free.

        The factor 2 is there because pages may be half empty.
        """
        deleted = 0
        while (self._pages("page_count") - self._pages("freelist_count")) * PAGE > (
            self._max_bytes - 2 * incoming
        ):
            first, last = self._connection.execute("SELECT min(id), max(id) FROM vectors").fetchone()
            if first is None:
                break
            deleted += self._connection.execute(
                "DELETE FROM vectors WHERE id <= ?", (first + (last - first) // 16,)
            ).rowcount
        return deleted

    def _pages(self, which: str) -> int:
        return int(self._connection.execute(f"PRAGMA {which}").fetchone()[0])


def _checksum(key: bytes, dropped: int, vector: bytes) -> int:
    return crc32(vector, crc32(b"%b%d" % (key, dropped)))
