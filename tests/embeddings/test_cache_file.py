"""The cache's file: refused where it is damaged or foreign, shared by processes, whole after SIGKILL."""

import random
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from embedding_gate import own_files
from embeddings import CacheError
from embeddings.cache import sqlite_store
from embeddings.cache.sqlite_store import LEAST_BYTES, SQLiteStore
from embeddings.errors import CacheNotWritable
from tests.support.cache_writer import ROWS, batch, entry_of

PROCESSES, KILLS = 8, 50
ENDLESS = 1_000_000  # batches, of which the first 64 KiB of words that nobody reads stop a writer
KEYS = list(batch(1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A closed file with one batch, alone in its folder."""
    (tmp_path / "here").mkdir()
    found = tmp_path / "here" / "cache"
    with closing(SQLiteStore(found)) as file:
        file.put(batch(1))
    return found


def writer(path: Path, first: int, count: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        # -S: without site-packages, which it does not need, it starts in two thirds of the time.
        [sys.executable, "-S", "-m", "tests.support.cache_writer", str(path), str(first), str(count)],
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


def foreign(path: Path) -> None:
    path.unlink()
    edit(path, "CREATE TABLE notes (text)")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "is not a cache of this library"),
    "a text": (lambda path: path.write_text("notes " * 100), "is not a cache of this library"),
    "half a header": (lambda path: path.write_bytes(path.read_bytes()[:50]), "is not a cache of this"),
    "another program's": (foreign, "is not a cache of this library"),
    "a newer version": (
        lambda path: edit(path, "PRAGMA user_version = 2"),
        "is a cache of version 2, and this",
    ),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:-20_000]), "is damaged .*malformed"),
    "another table": (lambda path: edit(path, "CREATE TABLE more (text)"), "its tables are not those"),
    "a trigger": (
        lambda path: edit(path, "CREATE TRIGGER t AFTER INSERT ON vectors BEGIN DELETE FROM vectors; END"),
        "its tables are not those",
    ),
    "its schema overwritten": (lambda path: overwrite(path, 100, bytes(8000)), "is damaged"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_no_whole_cache_is_refused_and_left_as_it_is(path: Path, damage: str) -> None:
    change, words = DAMAGES[damage]
    change(path)
    before = path.read_bytes()
    with pytest.raises(CacheError, match=words) as caught:
        SQLiteStore(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert [found.name for found in path.parent.iterdir()] == ["cache"]


def test_a_missing_folder_and_a_folder_for_a_file(tmp_path: Path) -> None:
    for wrong in (tmp_path / "no" / "cache", tmp_path):
        with pytest.raises(CacheError, match="cannot be opened"):
            SQLiteStore(wrong)
    with pytest.raises(CacheError, match="cannot be opened"):
        SQLiteStore(tmp_path / "none", create=False)
    with pytest.raises(CacheError, match="cannot be opened"):
        SQLiteStore(tmp_path / "with\0nul")
    assert not list(tmp_path.iterdir())


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


def test_no_flipped_byte_comes_back(path: Path) -> None:
    """Wherever it lies: the row is refused, or not found, and the file stays as it is."""
    whole, choose, refused = path.read_bytes(), random.Random(0), 0  # noqa: S311
    for place in choose.sample(range(len(whole)), 150):
        overwrite(path, place, bytes([whole[place] ^ 1 << choose.randrange(8)]))
        before = path.read_bytes()
        try:
            with closing(SQLiteStore(path)) as file:
                found = file.get(KEYS)
            assert all(entry == entry_of(key) for key, entry in found.items())
        except CacheError:
            refused += 1
        assert path.read_bytes() == before
        overwrite(path, place, whole[place : place + 1])
    assert refused > 75  # measured: 114 of 150; the others lie in unused space or in keys


@pytest.mark.parametrize(
    "column",
    [
        "dropped = dropped + 1",
        "dropped = dropped + 0.5",
        "dropped = 'text'",
        "vector = zeroblob(1536)",
        "vector = 'text'",
    ],
)
def test_a_changed_value_is_refused(path: Path, column: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"UPDATE vectors SET {column} WHERE id = 3")  # noqa: S608
        connection.commit()
    with closing(SQLiteStore(path)) as file:
        assert file.get(KEYS[3:]) == {key: entry_of(key) for key in KEYS[3:]}
        with pytest.raises(CacheError, match="a row is damaged; delete the file"):
            file.get(KEYS)


def test_who_comes_second_to_make_the_file_leaves_it(path: Path) -> None:
    before = path.read_bytes()
    sqlite_store._create(path)
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


def test_fifty_kills(tmp_path: Path) -> None:
    """A writer is killed fifty times: what it said was committed is there, and nothing there is wrong."""
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
