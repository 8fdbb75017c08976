"""The threads that compute on a CPU when another thread than the main one calls.

MLX gives each thread that computes a stream, which is a thread of the system, and never takes it back. A
server with a thread for each request had one more after each. If a thread that has computed ends, the process
may also abort when it exits (MLX 0.32). So these threads are few, and none ends before the process. Those of
concurrent.futures would.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, TypeVar

__all__ = ["Threads"]

R = TypeVar("R")


class Threads:
    """Some threads that take work from one queue. They begin when there is work."""

    def __init__(self, most: int) -> None:
        self._most, self._begun, self._lock = most, 0, threading.Lock()
        self._work: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()

    def run(self, function: Callable[[], R]) -> R:
        """Return what the function returns in one of the threads, or raise what it raises."""
        future: Future[R] = Future()
        self._work.put((future, function))
        with self._lock:
            if self._begun < self._most:
                self._begun += 1
                threading.Thread(target=self._serve, daemon=True, name=f"embeddings {self._begun}").start()
        return future.result()

    def _serve(self) -> None:
        while True:
            future, function = self._work.get()
            try:
                future.set_result(function())
            except BaseException as error:  # noqa: BLE001  (the caller gets it)
                future.set_exception(error)
            del future, function  # else they stay in memory until there is more work
