"""What the tests of the cache's file share: a writer in a process of its own, and changes of a file."""

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from embedding_gate import own_files
from tests.support.cache_writer import batch

ENDLESS = 1_000_000  # batches, of which the first 64 KiB of words that nobody reads stop a writer
KEYS = list(batch(1))


def writer(path: Path, first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.support.cache_writer", str(path), str(first), str(count)],
        cwd=own_files.ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


def edit(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        connection.execute(statement)
        connection.commit()


def overwrite(path: Path, place: int, values: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        file.write(values)
