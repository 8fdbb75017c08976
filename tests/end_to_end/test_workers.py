"""Processes of the proof end at once, however the run ends, and none is left behind."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

from embedding_gate import own_files
from tests.faults.workers import begun
from tests.support.stuck import deaf

PATIENCE = 300  # seconds: what is tested either ends at once or never does
STUCK = """
from tests.faults.workers import begun
from tests.support.stuck import stuck
if __name__ == "__main__":
    with begun(stuck, [(number,) for number in range(9)], processes=2) as futures:
        input() if {leaves} else futures[0].result()
    print("left")
"""
PATIENT = """
import multiprocessing, signal
def wait(*_):
    for child in multiprocessing.active_children():
        child.join()
    raise KeyboardInterrupt("all are dead")
signal.signal(signal.SIGINT, wait)
"""


@contextmanager
def running(*command: str) -> Iterator["subprocess.Popen[str]"]:
    """Run Python in a session of its own. All its processes hold the pipe that stdout is."""
    process = subprocess.Popen(
        [sys.executable, "-u", *command],
        cwd=own_files.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=hear,  # noqa: PLW1509  (no other thread holds a lock that this needs)
    )
    try:
        yield process
    finally:
        with suppress(
            ProcessLookupError, PermissionError
        ):  # the latter is macOS's word for a group of the dead
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def hear() -> None:
    """Hear Ctrl-C, to which a shell's background job is deaf."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def read_until(process: "subprocess.Popen[str]", words: str, times: int = 1) -> None:
    """Read what a process says until it has said some words that often."""
    assert process.stdout is not None
    said = ""
    while said.count(words) < times:
        if not (character := process.stdout.read(1)):
            pytest.fail(f"it never said {words!r}: {said}")
        said += character


def ended(process: "subprocess.Popen[str]", said: str | None = None) -> str:
    """Return what was said until the last process that holds the pipe has ended."""
    return process.communicate(said, timeout=PATIENCE)[0]


@pytest.mark.parametrize("signals", [1, 2, 20])
def test_ctrl_c_ends_them_at_once(signals: int) -> None:
    """The whole foreground hears it, as from a terminal. What they are at never ends by itself."""
    with running("-c", STUCK.format(leaves=False)) as process:
        read_until(process, "at work", times=2)
        for _ in range(signals):
            os.killpg(process.pid, signal.SIGINT)
        said = ended(process)
    assert "KeyboardInterrupt" in said
    assert "SpawnProcess" not in said
    assert "leaked" not in said
    assert "left" not in said


def test_they_are_deaf_to_it_and_this_process_is_not() -> None:
    before = signal.getsignal(signal.SIGINT), deaf()
    with begun(deaf, [()], processes=1) as futures:
        assert futures[0].result()
        assert deaf() == before[1]
    assert (signal.getsignal(signal.SIGINT), deaf()) == before


def test_they_are_dead_before_anything_else_hears_of_ctrl_c() -> None:
    """So nothing can come between: here what hears of it waits for them."""
    with running("-c", PATIENT + STUCK.format(leaves=False)) as process:
        read_until(process, "at work", times=2)
        os.killpg(process.pid, signal.SIGINT)
        assert "all are dead" in ended(process)


def test_leaving_the_block_ends_them() -> None:
    with running("-c", STUCK.format(leaves=True)) as process:
        read_until(process, "at work", times=2)
        assert ended(process, "\n").split() == ["left"]
    assert process.returncode == 0


def test_they_end_with_a_parent_that_is_killed() -> None:
    with running("-c", STUCK.format(leaves=False)) as process:
        read_until(process, "at work", times=2)
        process.kill()
        assert "Traceback" not in ended(process)


def test_the_new_process_ends_with_who_asks() -> None:
    """Whatever it is at."""
    code = (
        "from embedding_gate.serving import serve; from tests.support.stuck import stuck\n"
        "serve(lambda: stuck)\n"
    )
    with running("-c", code) as process:
        assert process.stdin is not None
        process.stdin.write("[]\n1\n")
        process.stdin.flush()
        read_until(process, "at work")
        assert not ended(process).strip()


@pytest.mark.parametrize("again", [False, True])
def test_ctrl_c_ends_the_proof(*, again: bool) -> None:
    """The second comes while pytest ends the run. No run of the proof would end by itself."""
    words = "-m pytest -p no:cacheprovider -p tests.support.stuck -m faults -s"
    with running(*words.split()) as process:
        read_until(process, "at work", times=2)
        os.killpg(process.pid, signal.SIGINT)
        read_until(process, "KeyboardInterrupt !")
        if again:
            os.killpg(process.pid, signal.SIGINT)
        said = ended(process)
    assert "SpawnProcess" not in said
    assert "leaked" not in said
    assert again or process.returncode == pytest.ExitCode.INTERRUPTED
