"""Processes that work side by side. They end at once: with the block, on Ctrl-C, and with their parent."""

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
    """Begin to work on all calls. Leaving the block ends the processes, whatever they are at.

    The processes never see Ctrl-C: they are born with SIGINT blocked. This process ends them instead.
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

    The signal handler kills them too, before anything else hears of Ctrl-C. So there is no moment at which a
    second one saves them, and Python's exit, which waits for the pool, waits for nothing.
    """
    right = signal.getsignal(signal.SIGINT)

    def interrupted(number: int, frame: Any) -> None:
        _kill(processes)
        assert callable(right)
        right(number, frame)

    if hears := callable(right):  # a shell's background job is deaf to Ctrl-C, and stays so
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
    """Make this process one that may be killed: it leaves nothing that others would have to clean up."""
    _end_with_parent()
    tqdm.set_lock(threading.RLock())  # its own is a semaphore of the system


def _end_with_parent() -> None:
    """End this process with its parent, which may be killed: else it would wait for work for ever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
