"""Processes that work side by side. They end when the block ends, on Ctrl-C, and with their parent."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue
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
    Each computes on one core of its own where the system allows that.
    """
    others = multiprocessing.active_children()
    spawn = multiprocessing.get_context("spawn")
    cores = spawn.SimpleQueue()
    for number in range(processes):
        cores.put(number)
    pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=_prepare, initargs=(cores,))
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


def _prepare(cores: "SimpleQueue[int]") -> None:
    """Prepare this process to be killed: it must leave nothing that others have to clean up."""
    _end_with_parent()
    _keep_to(cores.get())
    tqdm.set_lock(threading.RLock())  # tqdm's own lock is a semaphore of the system, which would be left


def _keep_to(number: int) -> None:
    """Compute on one core. With all 32 cores in each, 32 processes wanted a thousand threads: too many."""
    if sys.platform == "linux":
        allowed = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {allowed[number % len(allowed)]})


def _end_with_parent() -> None:
    """End this process when its parent ends or is killed. Otherwise it would wait for work forever."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def wait() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()
