"""Processes that work side by side. They end when the block ends, on Ctrl-C, and with their parent."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from typing import Any, TypeVar

from tqdm import tqdm

__all__ = ["begun"]

T = TypeVar("T")
_CTRL_C = {signal.SIGINT}


@contextmanager
def begun(
    work: Callable[..., T], calls: Iterable[Sequence[Any]], *, processes: int
) -> Iterator[list[Future[T]]]:
    """Start to work on all calls. The end of the block kills the processes, even if they still work.

    The processes start with SIGINT blocked, so Ctrl-C does not reach them. This process kills them instead.
    """
    others = multiprocessing.active_children()
    spawn = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=_prepare)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _CTRL_C)
    try:
        futures = [pool.submit(work, *call) for call in calls]
        started = [child for child in multiprocessing.active_children() if child not in others]
        with _ended(started):
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            yield futures
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        pool.shutdown(cancel_futures=True)


@contextmanager
def _ended(processes: Sequence[BaseProcess]) -> Iterator[None]:
    """Kill processes when the block ends.

    On Ctrl-C the signal handler kills them first. So a second Ctrl-C cannot keep them alive. When Python
    exits it waits for the pool, and that wait is short because the processes are dead.
    """
    right = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: Any) -> None:
        _kill(processes)
        assert callable(right)
        right(number, frame)

    if hears := callable(right):  # a shell's background job ignores Ctrl-C, and that stays
        signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        _kill(processes)
        if hears:
            signal.signal(signal.SIGINT, right)


def _kill(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        process.kill()


def _prepare() -> None:
    """Prepare this process to be killed: it must leave nothing that others have to clean up."""
    _end_with_parent()
    tqdm.set_lock(threading.RLock())  # tqdm's own lock is a semaphore of the system, which would be left


def _end_with_parent() -> None:
    """End this process when its parent ends or is killed. Otherwise it would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
