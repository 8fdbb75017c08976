"""The file of a cache: vectors by key in SQLite, shared by threads and processes.

The file is in WAL mode. Readers and one writer can work at the same time. A process that is killed loses at
most the batch that it had not committed. Each row has a checksum, so a row that the disk damaged is refused
and not returned. The first bytes of a file tell whether it is a cache. They are read before SQLite opens it.

If the file would grow beyond its limit, the oldest rows are deleted. SQLite's -wal and -shm files (16 MiB at
most) are not part of the limit. https://www.sqlite.org/fileformat.html describes the bytes,
https://www.sqlite.org/wal.html the guarantees.
"""

import os
import sqlite3
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

from embeddings.errors import CacheError, CacheNotWritable

__all__ = ["DEFAULT_BYTES", "LEAST_BYTES", "Entry", "SQLiteStore"]

DEFAULT_BYTES = 4 << 30
LEAST_BYTES = 1 << 20  # a smaller file would hold less than about one batch
_APPLICATION = int.from_bytes(b"EmbC", "big")
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, dropped INTEGER NOT NULL, "
    "vector BLOB NOT NULL, checksum INTEGER NOT NULL)"
)
_PAGE = 8192  # bytes; a page holds five vectors of 384 dimensions
_ROW = 160  # bytes of a row and its index entry, without the vector
_CHUNK = 1000  # keys in one SELECT; SQLite allows at most 32,766
_WAL_BYTES = 16 << 20
_PATIENCE = 30.0  # seconds that a writer waits for another
_DELETE = "delete the file, with its -wal and -shm: what it held is computed anew"


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
        try:
            if create and not path.exists():
                _create(path)
            _check(path)
        except (OSError, ValueError) as error:  # ValueError comes from a NUL in the name
            raise CacheError(path, f"cannot be opened ({error})", hint="name a file that can be") from error
        with _explained(path):
            self._connection = _connect(path, max_bytes)

    def close(self) -> None:
        """Close the file. No other method may be called afterwards."""
        with self._lock, _explained(self.path):
            self._connection.close()

    def get(self, keys: Sequence[bytes]) -> dict[bytes, Entry]:
        """Return key -> entry for the keys that the file has.

        Raises:
            CacheError: the file is damaged or cannot be read.

        """
        found = {}
        with self._lock, _explained(self.path):
            for start in range(0, len(keys), _CHUNK):
                some = keys[start : start + _CHUNK]
                marks = ",".join("?" * len(some))
                for key, dropped, vector, checksum in self._connection.execute(
                    f"SELECT key, dropped, vector, checksum FROM vectors WHERE key IN ({marks})",  # noqa: S608
                    some,
                ):
                    sound = (type(dropped), type(vector)) == (int, bytes)
                    if not (sound and _checksum(key, dropped, vector) == checksum):
                        raise CacheError(self.path, "a row is damaged", hint=_DELETE)
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
        with self._lock, _explained(self.path, writing=True):
            self._connection.execute("VACUUM")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def size(self) -> tuple[int, int]:
        """Return the number of entries and the size of the file in bytes."""
        with self._lock, _explained(self.path):
            (entries,) = self._connection.execute("SELECT count(*) FROM vectors").fetchone()
            return entries, self._pages("page_count") * _PAGE

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with (
            self._lock,
            _explained(self.path, writing=True),
            self._connection,
        ):  # commits at the end, or rolls back after an error
            self._connection.execute("BEGIN IMMEDIATE")
            yield self._connection

    def _make_room(self, incoming: int) -> int:
        """Delete the oldest sixteenth of the rows, again and again, until 2 x ``incoming`` bytes are free.

        The factor 2 is there because pages may be half empty.
        """
        deleted = 0
        while (self._pages("page_count") - self._pages("freelist_count")) * _PAGE > (
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


def _create(path: Path) -> None:
    """Create an empty cache. The file is complete before it gets its name, so processes may race."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and not path.exists():  # SQLite would apply it to the new file
        raise CacheError(wal, "is left of a file that is gone", hint="delete it")
    with closing(sqlite3.connect(":memory:")) as blank:
        for statement in (
            f"PRAGMA page_size = {_PAGE}",
            f"PRAGMA application_id = {_APPLICATION}",
            f"PRAGMA user_version = {_VERSION}",
            _SCHEMA,
        ):
            blank.execute(statement)
        image = bytearray(blank.serialize())
    image[18:20] = b"\x02\x02"  # the write and read versions of a file in WAL mode
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}-") as file:
        file.write(image)
        file.flush()
        os.fsync(file.fileno())
        try:
            os.link(file.name, path)
        except FileExistsError:
            return  # another process created it first


def _check(path: Path) -> None:
    """Check the first bytes of a file. SQLite keeps them in the file itself, whatever its WAL contains."""
    with path.open("rb") as file:
        header = file.read(100)
    application, version = (int.from_bytes(header[start : start + 4], "big") for start in (68, 60))
    if header[:16] != b"SQLite format 3\0" or application != _APPLICATION:
        raise CacheError(path, "is not a cache of this library", hint="name another file")
    if version != _VERSION:
        raise CacheError(
            path,
            f"is a cache of version {version}, and this library has {_VERSION}",
            hint="name another file",
        )


def _connect(path: Path, max_bytes: int) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # never create the file if it was deleted meanwhile
        uri=True,
        timeout=_PATIENCE,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute(
            "PRAGMA synchronous = NORMAL"
        )  # no fsync after each batch: a power cut may lose the last batches
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute(f"PRAGMA max_page_count = {max_bytes // _PAGE}")
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if schema != [(_SCHEMA,)]:
            raise CacheError(path, "its tables are not those of a cache", hint=_DELETE)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _explained(path: Path, *, writing: bool = False) -> Iterator[None]:
    """Turn an error of SQLite into a CacheError with a message of one line."""
    try:
        yield
    except sqlite3.OperationalError as error:  # disk full, file read-only or locked
        if writing:
            raise CacheNotWritable(
                path, f"cannot be written ({error})", hint="make room, or name another file"
            ) from error
        raise CacheError(path, f"cannot be read ({error})", hint="name a file that can be") from error
    except sqlite3.ProgrammingError as error:
        raise CacheError(path, "was closed", hint="open it again") from error
    except sqlite3.DatabaseError as error:
        raise CacheError(path, f"is damaged ({error})", hint=_DELETE) from error
