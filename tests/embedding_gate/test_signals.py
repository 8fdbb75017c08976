"""A signal that comes in a block waits for its end, or ends the block once."""

import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from embedding_gate.signals import STOPS, Stopped, end_group, stoppable, uninterrupted
from tests.support import HANG


def stopped(work: Callable[[], None]) -> str:
    """Run work that a signal stops, and say by which."""
    with pytest.raises(Stopped) as caught, stoppable():
        work()
    return str(caught.value)


@pytest.mark.parametrize("number", sorted(STOPS))
def test_a_signal_ends_the_block_once(number: signal.Signals) -> None:
    """A second one does not disturb the clearing up."""
    done: list[str] = []

    def work() -> None:
        try:
            signal.raise_signal(number)
        finally:
            signal.raise_signal(number)
            done.append("cleared up")

    before = signal.getsignal(number)
    assert stopped(work) == number.name
    assert done == ["cleared up"]
    assert signal.getsignal(number) is before


def test_a_signal_waits_until_it_is_let_through() -> None:
    """What is cleared up after that is cleared up wholly."""
    done: list[str] = []

    def work() -> None:
        with uninterrupted() as let_through:
            try:
                signal.raise_signal(signal.SIGTERM)
                done.append("began")
                with let_through():
                    done.append("not reached")
            finally:
                signal.raise_signal(signal.SIGINT)
                done.append("cleared up")

    stopped(work)
    assert done == ["began", "cleared up"]
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & STOPS


def test_a_signal_waits_until_the_block_ends() -> None:
    """Also one that another thread takes: Python would run its handler here."""
    done: list[str] = []

    def strike() -> None:
        with uninterrupted() as let_through, let_through():  # no guard: no signal stops this thread
            signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
            signal.raise_signal(signal.SIGTERM)

    def work() -> None:
        with uninterrupted():
            other = threading.Thread(target=strike)
            other.start()
            other.join()
            done.append("done")

    assert stopped(work) == "SIGTERM"
    assert done == ["done"]


def test_a_group_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    """The leader ends by itself; its child, deaf to SIGTERM, is killed, and so the pipe of both ends."""
    child = "import signal; signal.signal(15, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    leader = (
        "import signal, subprocess, sys\n"
        f"subprocess.Popen([sys.executable, '-c', {child!r}])\n"
        f"signal.signal(15, lambda *_: (open({str(tmp_path / 'asked')!r}, 'w'), sys.exit(7)))\n"
        "print('ready', flush=True)\n"
        "signal.pause()\n"
    )
    command = [sys.executable, "-c", leader]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout is not None
        assert {process.stdout.readline() for _ in range(2)} == {"deaf\n", "ready\n"}
        end_group(process, patience=HANG)
        assert process.stdout.read() == ""
    assert process.returncode == 7
    assert (tmp_path / "asked").exists()
    end_group(process)  # a group of the dead
