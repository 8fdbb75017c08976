"""Many calls of varied lengths, of the library and of a server, and what they leave behind."""

import gc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from embeddings.backend import mx
from tests.soak.trend import Trend, trend

__all__ = ["calls_of_a_round", "resident", "soak"]

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
    series: dict[str, list[float]] = {name: [] for name in _state()}
    spent = []
    for _ in range(rounds):
        start = time.process_time()
        for some in texts:
            call(some)
        spent.append((time.process_time() - start) / len(texts) * 1000)
        for name, value in _state().items():
            series[name].append(value)
    kept = 0.8 * rounds * ROUND / 1024  # MiB, at 1 KiB a call after the warm-up
    limits = {"threads": (0.5, ""), "file handles": (0.5, "")}
    found = [
        trend(
            name,
            values,
            limit=limits.get(name, (max(kept, least), "MiB"))[0],
            unit=limits.get(name, (0, "MiB"))[1],
        )
        for name, values in series.items()
    ]
    return [*found, trend("CPU time of a call", spent, limit=SLOWER * float(np.median(spent)), unit="ms")]


def resident() -> float:
    """Return the memory of this process in MiB."""
    status = Path("/proc/self/statm")
    if status.exists():
        return int(status.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    shown = subprocess.run(["ps", "-o", "rss=", "-p", str(os.getpid())], capture_output=True, check=True)  # noqa: S607
    return int(shown.stdout) / 1024


def _state() -> dict[str, float]:
    gc.collect()
    return {
        "memory of the process": resident(),
        "MLX's active memory": mx.get_active_memory() / 2**20,
        "MLX's cache": mx.get_cache_memory() / 2**20,
        "file handles": float(len(os.listdir("/proc/self/fd" if sys.platform == "linux" else "/dev/fd"))),  # noqa: PTH208
        "threads": float(threading.active_count()),
    }
