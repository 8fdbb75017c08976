"""Makes, checks and opens the file of a cache.

The first bytes of a file tell whether it is a cache. They are read before SQLite opens it.
https://www.sqlite.org/fileformat.html describes them.
"""

import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from embeddings.errors import CacheError, CacheNotWritable

__all__ = ["DELETE", "PAGE", "create", "explained", "open_file"]

_APPLICATION = int.from_bytes(b"EmbC", "big")
_VERSION = 1
_SCHEMA = (
    "CREATE TABLE vectors (id INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, dropped INTEGER NOT NULL, "
    "vector BLOB NOT NULL, checksum INTEGER NOT NULL)"
)
PAGE = 8192  # bytes; a page holds five vectors of 384 dimensions
_WAL_BYTES = 16 << 20
_PATIENCE = 30.0  # seconds that a writer waits for another
DELETE = "delete the file, with its -wal and -shm: what it held is computed again"


def open_file(path: Path, max_bytes: int, *, creating: bool) -> sqlite3.Connection:
    """Open a file that may grow to so many bytes. Threads may share the connection.

    creating: whether to create the file if it does not exist.

    Raises:
        CacheError: the file is not a cache, has another version, is damaged or cannot be opened. The file is
            not changed.

    """
    try:
        if creating and not path.exists():
            create(path)
        _check(path)
    except (OSError, ValueError) as error:  # ValueError comes from a NUL in the name
        raise CacheError(path, f"cannot be opened ({error})", hint="name a file that can be") from error
    with explained(path):
        return _connect(path, max_bytes)


def create(path: Path) -> None:
    """Create an empty cache. The file is complete before it gets its name, so processes may race."""
    wal = path.with_name(f"{path.name}-wal")
    if wal.exists() and not path.exists():  # SQLite would apply it to the new file
        raise CacheError(wal, "is left of a file that is gone", hint="delete it")
    with closing(sqlite3.connect(":memory:")) as blank:
        for statement in (
            f"PRAGMA page_size = {PAGE}",
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
        connection.execute(f"PRAGMA max_page_count = {max_bytes // PAGE}")
        schema = connection.execute("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
        if schema != [(_SCHEMA,)]:
            raise CacheError(path, "its tables are not those of a cache", hint=DELETE)
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def explained(path: Path, *, writing: bool = False) -> Iterator[None]:
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
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # SQLite's message may quote damaged text
        raise CacheError(path, f"is damaged ({error})", hint=DELETE) from error
