"""encode and verify in poor surroundings: one line, the right exit code, and nothing that is half written."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT
from tests.support import HANG, tiny
from tests.support.corpora import shards, write_corpus

COMMAND = [sys.executable, "-m", "embedding_gate"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("made")
    write_corpus(root / "corpus.jsonl", 60)
    tiny.build(root / "tiny")
    return root


def run(*arguments: object, before: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a shell. before: what the shell does first."""
    command = " ".join(f"'{argument}'" for argument in [*COMMAND, *arguments])
    return subprocess.run(
        ["/bin/sh", "-c", f"{before} {command}"], cwd=ROOT, env={**os.environ, **environment},
        capture_output=True, text=True, timeout=HANG, check=False,
    )  # fmt: skip


def encode(made: Path, out: Path, **more: str) -> subprocess.CompletedProcess[str]:
    given = (made / "corpus.jsonl", f"--out={out}", f"--model={made / 'tiny'}", "--shard-texts=20")
    return run("encode", *given, **more)


def test_no_home_no_time_zone_and_a_clock_of_1970(made: Path, tmp_path: Path) -> None:
    """A run that was begun then goes on now: nothing depends on the time of files."""
    before = "unset HOME; unset TMPDIR;"
    assert encode(made, tmp_path / "out", before=before, TZ="Nowhere/Else").returncode == 0
    for path in (tmp_path / "out").iterdir():
        os.utime(path, (0, 0))
    whole = shards(tmp_path / "out")
    (tmp_path / "out" / "shard-000001.safetensors").unlink()
    again = encode(made, tmp_path / "out")
    assert again.returncode == 0, again.stderr
    assert shards(tmp_path / "out") == whole


def test_a_closed_stdout(made: Path, tmp_path: Path) -> None:
    """The files are written all the same."""
    done = encode(made, tmp_path / "out", before="exec >/dev/full;")
    assert done.returncode == 1
    assert done.stderr == "ERROR: stdout: cannot be written (No space left on device); the files are whole\n"
    checked = run("verify", tmp_path / "out")
    assert checked.returncode == 0, checked.stderr


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 96 KiB, where this user may make one."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "none", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root makes a file system here")
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)  # noqa: S607


def test_a_full_disk(made: Path, small_disk: Path) -> None:
    """One line, and no part of a shard. When there is room, the same command does what is left."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(80 << 10))
    done = encode(made, small_disk / "out")
    assert done.returncode == 4, done.stderr
    (line,) = done.stderr.strip().splitlines()
    assert "cannot be written ([Errno 28] No space left on device); free space, then run" in line
    assert not list((small_disk / "out").glob(".*.part"))
    ballast.unlink()
    assert encode(made, small_disk / "out").returncode == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder(made: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir(mode=0o500)
    done = encode(made, tmp_path / "out")
    assert done.returncode == 4
    (line,) = done.stderr.strip().splitlines()
    assert "cannot be written (Permission denied)" in line


def test_a_folder_that_is_a_file(made: Path) -> None:
    done = encode(made, made / "corpus.jsonl")
    assert done.returncode == 4
    (line,) = done.stderr.strip().splitlines()
    assert "corpus.jsonl: cannot be written" in line
