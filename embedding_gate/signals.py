"""What Ctrl-C, SIGTERM and a closed terminal do: they wait, or they end a block. And how a group is ended."""

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
    """Turn each of the signals into Stopped; a further signal does not disturb the clearing up."""

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
    """Let the signals wait until the block ends, for processes that it starts too.

    Yields let_through: in a block ``with let_through():`` they are taken at once.
    """
    if threading.current_thread() is not threading.main_thread():  # no signal stops another one
        yield nullcontext
        return
    guard = _Guard()
    guard.hold_back()
    try:
        yield guard.let_through
    finally:
        guard.release()


class _Guard:
    """Signals are masked, and noted by a handler besides.

    A mask passes on to processes, which a handler does not. But another thread could take a masked signal,
    and Python would still stop this one: such a signal is noted.
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
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)  # those that waited are noted now
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
    """End a process that leads a group, and all of the group; those that outlive it belong to it still.

    patience: seconds in which it may end by itself, asked by SIGTERM.
    """
    # macOS refuses to signal a group of the dead; elsewhere there is none.
    with suppress(ProcessLookupError, PermissionError, subprocess.TimeoutExpired):
        if patience:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(patience)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
