"""The cache's file is shared by processes, and it is whole after SIGKILL."""

import random
import signal
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from embeddings import CacheError
from embeddings.cache.sqlite_store import SQLiteStore
from tests.embeddings.cache.files import ENDLESS, writer
from tests.support.cache_writer import ROWS, batch, entry_of

PROCESSES, KILLS = 8, 8  # `make soak` kills 200 times


def test_what_a_killed_process_left_is_no_part_of_a_new_file(path: Path) -> None:
    """SQLite would play the old -wal into the new file: what was deleted is back, or the file is damaged."""
    process = writer(path, 2, ENDLESS)
    assert process.stdout is not None
    for _ in ("begun", "committed"):
        process.stdout.readline()
    process.kill()
    process.communicate()
    path.unlink()
    with pytest.raises(CacheError, match=r"cache-wal: is left of a file that is gone; delete it") as caught:
        SQLiteStore(path)
    assert not path.exists()
    Path(caught.value.where).unlink()
    with closing(SQLiteStore(path)) as file:
        assert file.size()[0] == 0


def test_eight_processes(tmp_path: Path) -> None:
    """They make the file at the same time, and write and read it, the same batches and others."""
    path = tmp_path / "cache"
    writers = [writer(path, first, 12) for first in range(0, 4 * PROCESSES, 4)]
    assert [process.communicate() and process.returncode for process in writers] == [0] * PROCESSES
    with closing(SQLiteStore(path)) as file:
        assert file.size()[0] == (4 * PROCESSES + 8) * ROWS
        for number in range(4 * PROCESSES + 8):
            assert file.get(list(batch(number))) == batch(number)
    assert [found.name for found in tmp_path.iterdir()] == ["cache"]


def test_many_kills(tmp_path: Path) -> None:
    """A writer is killed again and again: what it said was committed is there, and nothing there is wrong."""
    path, choose, committed = tmp_path / "cache", random.Random(0), set[int]()  # noqa: S311
    for kill in range(KILLS):
        with writer(path, ENDLESS * kill, ENDLESS) as process:
            assert process.stdout is not None
            told = [process.stdout.readline() for _ in range(choose.randint(1, 30))]
            sum(range(choose.randint(0, 100_000)))  # up to a millisecond on, in the middle of a batch
            process.kill()
            told += process.stdout.readlines()
        assert process.returncode == -signal.SIGKILL
        whole = (line for line in told if line.endswith("\n"))  # the kill may cut the last one short
        committed |= {int(line.split()[1]) for line in whole if line.startswith("committed")}
        with closing(SQLiteStore(path)) as file:
            for number in {number for number in committed if number >= ENDLESS * kill}:
                assert file.get(list(batch(number))) == batch(number)
    with closing(SQLiteStore(path)) as file:
        for number in committed:
            assert file.get(list(batch(number))) == batch(number)
        assert len(committed) * ROWS <= file.size()[0] <= (len(committed) + KILLS) * ROWS
    with closing(sqlite3.connect(path)) as connection:
        rows = Counter[bytes]()
        for key, dropped, vector in connection.execute("SELECT key, dropped, vector FROM vectors"):
            assert (vector, dropped) == entry_of(key)
            rows[key.split()[0]] += 1
        assert set(rows.values()) == {ROWS}  # no batch is there in part
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
