"""What threads leave behind, and what a thread may be the first to do."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate.own_files import ROOT
from embeddings import batch_runner
from embeddings.threads import Threads
from tests.embeddings.test_families import LLAMA_3
from tests.support import tiny
from tests.support.families import build


def threads_of_the_system() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def in_a_thread(work: object) -> None:
    thread = threading.Thread(target=work)  # type: ignore[arg-type]
    thread.start()
    thread.join()


@pytest.mark.skipif(sys.platform != "linux", reason="counts the threads in /proc")
def test_a_thread_for_each_call_leaves_none_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLX keeps a thread of the system for each thread that computed, and servers begin one for each call."""
    monkeypatch.setattr(batch_runner, "SIDE_BY_SIDE", dict.fromkeys(batch_runner.SIDE_BY_SIDE, 1))
    model = embeddings.load(tiny.build(tmp_path))
    texts = ["a", "a text of a few words"] * 4
    model.encode(texts)
    before = threads_of_the_system()
    for _ in range(30):
        in_a_thread(lambda: model.encode(texts))
    assert threads_of_the_system() <= before + 4 * 2  # four threads, and a stream of each


def test_a_process_whose_threads_computed_exits(tmp_path: Path) -> None:
    """With threads that end, seven of ten such processes were aborted at their exit (MLX 0.32)."""
    lines = [
        "import sys, threading, embeddings",
        "model = embeddings.load(sys.argv[1])",
        "threads = [threading.Thread(target=model.encode, args=(['a', 'b c d e'] * 20,)) for _ in range(3)]",
        "[thread.start() for thread in threads]",
        "[thread.join() for thread in threads]",
    ]
    command = [sys.executable, "-W", "ignore", "-c", "\n".join(lines), str(tiny.build(tmp_path))]
    for _ in range(2):
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")


def test_an_error_reaches_its_caller() -> None:
    threads = Threads(1)
    with pytest.raises(ValueError, match="of the first"):
        threads.run(lambda: int("of the first"))
    assert threads.run(lambda: 7) == 7


def test_another_thread_may_encode_first(tmp_path: Path) -> None:
    """Frequencies that a layer derives when it is made are computed before a thread needs them."""
    folder = build(tmp_path / "model", "llama-3", rope_scaling=LLAMA_3)
    model, found = embeddings.load(folder), []
    in_a_thread(lambda: found.append(model.encode(["a text"])))
    np.testing.assert_array_equal(found[0], embeddings.load(folder).encode(["a text"]))
