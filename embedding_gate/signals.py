"""Handles Ctrl-C, SIGTERM and a closed terminal: they wait or they end a block. Ends process groups."""

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from types import FrameType
from typing import Any

__all__ = ["Stopped", "end_group", "stoppable", "uninterrupted"]

STOPS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


class Stopped(KeyboardInterrupt):
    """A signal asked this process to end."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise Stopped for each of the signals. Further signals are ignored, so the cleanup is not disturbed."""

    def stop(number: int, _: FrameType | None) -> None:
        for one in STOPS:
            signal.signal(one, signal.SIG_IGN)
        raise Stopped(number)

    before = {one: signal.signal(one, stop) for one in STOPS}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler or signal.SIG_DFL)


@contextmanager
def uninterrupted() -> Iterator[Callable[[], AbstractContextManager[None]]]:
    """Delay the signals until the block ends, also for processes that the block starts.

    Yields let_through: in a block ``with let_through():`` the signals act at once.
    """
    if threading.current_thread() is not threading.main_thread():  # signals stop only the main thread
        yield nullcontext
        return
    guard = _Guard()
    guard.hold_back()
    try:
        yield guard.let_through
    finally:
        guard.release()


class _Guard:
    """Masks the signals, and also records them with a handler.

    Child processes inherit a mask but not a handler. But another thread could receive a masked signal, and
    then Python would still stop the main thread. So the handler records such a signal.
    """

    def __init__(self) -> None:
        self._handlers = {one: signal.getsignal(one) for one in STOPS}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        self._waiting: list[int] = []

    def hold_back(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        for one in STOPS:
            signal.signal(one, lambda number, _: self._waiting.append(number))

    def release(self) -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)  # waiting signals are recorded now
        for one, handler in self._handlers.items():
            signal.signal(one, handler or signal.SIG_DFL)
        noted, self._waiting = self._waiting, []
        for number in noted:
            signal.raise_signal(number)

    @contextmanager
    def let_through(self) -> Iterator[None]:
        self.release()
        try:
            yield
        finally:
            self.hold_back()


def end_group(process: subprocess.Popen[Any], *, patience: float = 0) -> None:
    """End a process that leads a group, and the whole group, also processes that outlive the leader.

    patience: seconds that the process has to end by itself after SIGTERM.
    """
    # macOS refuses to signal a group of dead processes. On other systems such a group does not exist.
    with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        if patience:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(patience)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
