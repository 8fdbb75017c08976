"""The cache's file: what is there stays, its size has a bound, and the command that shows and clears it."""

import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from embedding_gate import own_files
from embeddings.cache import sqlite_file
from embeddings.cache.sqlite_store import LEAST_BYTES, SQLiteStore
from embeddings.errors import CacheNotWritable
from tests.embeddings.cache.files import KEYS
from tests.support.cache_writer import ROWS, batch, entry_of


def test_who_comes_second_to_make_the_file_leaves_it(path: Path) -> None:
    before = path.read_bytes()
    sqlite_file.create(path)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["cache"]


def test_what_is_there_stays(path: Path) -> None:
    with closing(SQLiteStore(path)) as file:
        file.put({KEYS[0]: entry_of(b"another")})
        assert file.get(KEYS) == batch(1)
        assert file.size()[0] == ROWS
        assert not file.get([])


def test_the_file_stays_below_its_bound(tmp_path: Path) -> None:
    """The oldest leave, the newest are there, and every put finds room."""
    with closing(SQLiteStore(tmp_path / "cache", max_bytes=LEAST_BYTES)) as file:
        evicted = sum(file.put(batch(number)) for number in range(60))
        entries, taken = file.size()
        kept = [number for number in range(60) if file.get(list(batch(number)))]
    assert (tmp_path / "cache").stat().st_size <= taken <= LEAST_BYTES
    assert evicted == 60 * ROWS - entries
    assert kept == list(range(kept[0], 60))
    assert entries * 1536 > LEAST_BYTES // 2  # measured 0.77 of it


def test_a_batch_larger_than_the_file(tmp_path: Path) -> None:
    with closing(SQLiteStore(tmp_path / "cache", max_bytes=LEAST_BYTES)) as file:
        many = {key: entry for number in range(20) for key, entry in batch(number).items()}
        file.put(many)
        found = file.get(list(many))
        assert found == dict(list(many.items())[-len(found) :])
        assert len(found) > ROWS


def test_clearing_gives_the_room_back(path: Path) -> None:
    with closing(SQLiteStore(path)) as file:
        for number in range(20):
            file.put(batch(number))
        file.clear()
        assert file.size()[0] == 0
        assert path.stat().st_size < 50_000
        file.put(batch(2))
        assert file.get(list(batch(2))) == batch(2)


def test_nothing_stored_is_lost_on_a_full_disk(path: Path) -> None:
    with closing(SQLiteStore(path)) as file:
        file._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(CacheNotWritable, match="database or disk is full"):
            file.put(batch(2))
        assert file.get(KEYS) == batch(1)
        assert not file.get(list(batch(2)))


def test_an_interrupt_in_the_middle_of_a_write(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(self: SQLiteStore, _: int) -> int:
        self._connection.execute("DELETE FROM vectors")
        raise KeyboardInterrupt

    with closing(SQLiteStore(path)) as file:
        with monkeypatch.context() as patch:
            patch.setattr(SQLiteStore, "_make_room", interrupt)
            with pytest.raises(KeyboardInterrupt):
                file.put(batch(2))
        file.put(batch(3))
        assert file.get([*KEYS, *batch(2), *batch(3)]) == {**batch(1), **batch(3)}


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "embeddings", "cache", *arguments],
        cwd=own_files.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command(path: Path) -> None:
    """It counts and clears; what is not there is not made, and what is no cache stays as it is."""
    size = path.stat().st_size
    assert command("stats", str(path)).stdout == f"{path}: {ROWS} entries, {size} bytes\n"
    assert command("clear", str(path)).stdout.startswith(f"{path}: 0 entries, ")
    path.write_text("notes")
    missing = path.with_name("missing")
    for action in ("stats", "clear"):
        for wrong, words in ((path, "is not a cache of this library"), (missing, "cannot be opened")):
            done = command(action, str(wrong))
            assert (done.returncode, done.stdout) == (1, "")
            assert done.stderr.startswith(f"{wrong}: {words}")
            assert done.stderr.count("\n") == 1
    assert path.read_text() == "notes"
    assert not missing.exists()
