"""Many calls of varied lengths, of the library and of a server, and what they leave behind."""

import ctypes
import gc
import os
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embeddings.backend import mx
from tests.soak.trend import WARM_UP, Trend, trend

__all__ = ["calls_of_a_round", "kept", "resident", "soak"]

ROUND = 50  # calls; each round makes the same ones, so that rounds can be compared
SLOWER = 0.25  # share of the time of a call; below it, a processor's clock and caches decide
Call = Callable[[list[str]], object]


def calls_of_a_round(most: int, seed: int = 0) -> list[list[str]]:
    """Return the texts of each call of a round: 1 to ``most`` texts of 1 to 5 * ``most`` words."""
    draw = np.random.default_rng(seed)
    words = [chr(97 + number % 26) * (1 + number % 5) for number in range(130)]
    return [
        [
            " ".join(draw.choice(words, size=draw.integers(1, 5 * most + 1)))
            for _ in range(draw.integers(1, most + 1))
        ]
        for _ in range(ROUND)
    ]


def soak(call: Call, *, rounds: int, most: int = 8, least: float = 0) -> list[Trend]:
    """Make the calls of so many rounds, and return how each figure grows.

    call: encodes some texts. most: how many, and how long they are (calls_of_a_round). least: MiB that
    memory may grow by in all, where few calls would allow less. The CPU time of a call is measured, because
    other programs do not change that much.
    """
    texts = calls_of_a_round(most)
    after = (1 - WARM_UP) * rounds * ROUND  # calls after the warm-up
    mebibytes = (max(after / 1024, least), "MiB")
    limits = {"threads": (0.5, ""), "file handles": (0.5, ""), "objects of Python": (after / 2, "")}
    series = {name: array("d") for name in _state()}  # an array makes no object of a number
    spent = array("d")
    for _ in range(rounds):
        start = time.process_time()
        for some in texts:
            call(some)
        spent.append((time.process_time() - start) / len(texts) * 1000)
        for name, value in _state().items():
            series[name].append(value)
    found = []
    for name, values in series.items():
        limit, unit = limits.get(name, mebibytes)
        found.append(trend(name, values, limit=limit, unit=unit))
    return [*found, trend("CPU time of a call", spent, limit=SLOWER * float(np.median(spent)), unit="ms")]


def resident() -> float:
    """Return the memory of this process in MiB."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)  # noqa: S607
    return int(shown.stdout) / 1024


def kept() -> float:
    """Return the memory of this process in MiB, without what the allocator holds free.

    An allocator keeps freed pieces that lie between others. How many is chance: it depends on the sizes and
    the order of all calls, and on threads. So it first gives them back, where it can be asked to (glibc).
    """
    if give_back := getattr(ctypes.CDLL(None), "malloc_trim", None):
        give_back(0)
    return resident()


def _state() -> dict[str, float]:
    gc.collect()
    return {
        "memory of the process": kept(),
        "objects of Python": float(sys.getallocatedblocks()),
        "MLX's active memory": mx.get_active_memory() / 2**20,
        "MLX's cache": mx.get_cache_memory() / 2**20,
        "file handles": float(len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))),  # noqa: PTH208
        "threads": float(threading.active_count()),
    }
