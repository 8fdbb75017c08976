"""A process that is asked answers; one that dies, hangs or is left alone ends with all that it started."""

import os
import platform
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.errors import GateError, Unavailable, WorkerError
from embedding_gate.serving import pack, unpack
from embedding_gate.workers import Worker

ANSWERING = "tests.support.answering"
SILENT = 0.1  # seconds: of a worker that never answers, so that no machine is too slow for it


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    os.mkfifo(tmp_path / "pipe")
    return tmp_path / "pipe"


@pytest.fixture
def running(pipe: Path) -> Iterator[Worker]:
    """A worker that has said hello. When all of its group have ended, the pipe does."""
    with Worker("w", ANSWERING, [str(pipe)], needs=["numpy"]) as worker, pipe.open() as held:
        worker.versions()
        yield worker
        worker.stop()
        assert held.read() == ""


def test_answers_again_and_again(running: Worker) -> None:
    assert running.versions() == {"python": platform.python_version(), "numpy": np.__version__}
    first, second = running.ask("a"), running.ask("b" * 10**6)  # more than a pipe holds
    assert first["pid"] == second["pid"]
    assert (first["length"], second["length"]) == (1, 10**6)


def test_starts_anew() -> None:
    worker = Worker("w", ANSWERING)
    worker.stop()  # nothing to end
    with worker:
        first = worker.ask("")["pid"]
    with worker:
        assert worker.ask("")["pid"] != first


def test_says_what_it_printed_last(running: Worker) -> None:
    with pytest.raises(WorkerError, match=r"^w: its process stopped: ValueError: as it was told; run it by"):
        running.ask("fail")
    with pytest.raises(WorkerError, match="its process stopped"):
        running.ask("again")


def test_a_worker_that_hangs_is_ended(running: Worker) -> None:
    running.timeout = SILENT
    with pytest.raises(
        WorkerError,
        match=r"^w: no answer in 0\.1 s: (what a library prints is no answer|it printed nothing); ",
    ):
        running.ask("hang")


def test_a_worker_that_does_not_read_is_ended(running: Worker) -> None:
    assert running.process is not None
    running.process.send_signal(signal.SIGSTOP)
    running.timeout = SILENT
    with pytest.raises(WorkerError, match=r"^w: no answer in 0\.1 s: it printed nothing; "):
        running.ask("b" * 10**6)


def test_what_is_missing_is_said_before_the_work() -> None:
    with Worker("w", ANSWERING, needs=["numpy", "no-a", "no-b"]) as worker:
        for _ in range(2):
            with pytest.raises(
                Unavailable, match=r"^w: no no-a and no no-b here; install it for \S+, or name"
            ):
                worker.ask("")


def test_no_interpreter(tmp_path: Path) -> None:
    python = str(tmp_path / "python")
    words = r"^w: \S+/python cannot be run \(No such file or directory\); name an interpreter that is there$"
    with pytest.raises(WorkerError, match=words):
        Worker("w", ANSWERING, python=python).start()


ASKS = """
import signal, sys
from embedding_gate.workers import Worker

with Worker("w", "tests.support.answering", sys.argv[1:]) as worker:
    worker.ask("hang")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_worker_ends_with_who_asks(pipe: Path, number: signal.Signals) -> None:
    """Ctrl-C ends all that the worker started; where nobody is left to do so, the worker ends itself."""
    command = [sys.executable, "-c", ASKS, str(pipe)]
    with (
        subprocess.Popen(command, cwd=own_files.ROOT, stderr=subprocess.DEVNULL) as asking,
        pipe.open() as held,
    ):
        asking.send_signal(number)
        assert held.read() == ""
    assert asking.returncode == -number


def test_vectors_pass_bit_for_bit() -> None:
    vectors = np.array([[0.1, -0.0], [np.nan, 1e-45]], np.float32)
    assert unpack(pack(vectors)).tobytes() == vectors.tobytes()
    with pytest.raises(GateError, match=r"^encode: gave int64 \[2\]; return floats$"):
        unpack(pack(np.array([1, 2])))
