"""Faults that the soak exists for. Each wraps a call, and each must make one figure grow."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["FAULTS"]

KEPT = 16 << 10  # bytes a call: over the calls after the warm-up 11 MiB, where the limit is 4
Call = Callable[[list[str]], Any]


def keeps_memory(call: Call) -> Call:
    """Keep something of each call, as a cache without a limit does."""
    kept: list[bytearray] = []

    def faulty(texts: list[str]) -> Any:
        kept.append(bytearray(b"x" * KEPT))
        return call(texts)

    return faulty


def keeps_little(call: Call) -> Call:
    """Keep a number of each call. This is too little for the memory of the process to show."""
    numbers: list[float] = []

    def faulty(texts: list[str]) -> Any:
        numbers.append(float(len(numbers)))
        return call(texts)

    return faulty


def keeps_arrays(call: Call) -> Call:
    """Keep an array of MLX of each call, as a reference from a closure does."""
    from embeddings.backend import mx  # noqa: PLC0415  (MLX is for this fault alone)

    kept = []

    def faulty(texts: list[str]) -> Any:
        kept.append(mx.ones(KEPT // 4))
        mx.eval(kept[-1])
        return call(texts)

    return faulty


def slows(call: Call) -> Call:
    """Look through all earlier calls, as a list in place of a dictionary does."""
    seen: list[int] = []

    def faulty(texts: list[str]) -> Any:
        seen.extend(range(200))
        assert -1 not in seen
        return call(texts)

    return faulty


def leaves_handles_open(call: Call) -> Call:
    """Open a file in every fiftieth call, and close none."""
    opened: list[Any] = []
    calls = [0]

    def faulty(texts: list[str]) -> Any:
        calls[0] += 1
        if calls[0] % 50 == 0:
            opened.append(Path(__file__).open("rb"))  # noqa: SIM115  (this is the fault)
        return call(texts)

    return faulty


def leaves_threads(call: Call) -> Call:
    """Start a thread in every fiftieth call that never ends."""
    calls, never = [0], threading.Event()

    def faulty(texts: list[str]) -> Any:
        calls[0] += 1
        if calls[0] % 50 == 0:
            threading.Thread(target=never.wait, daemon=True).start()
        return call(texts)

    return faulty


FAULTS: dict[str, tuple[Callable[[Call], Call], str]] = {
    "keeps memory": (keeps_memory, "memory of the process"),
    "keeps little": (keeps_little, "objects of Python"),
    "keeps arrays": (keeps_arrays, "MLX's active memory"),
    "slows": (slows, "CPU time of a call"),
    "leaves handles open": (leaves_handles_open, "file handles"),
    "leaves threads": (leaves_threads, "threads"),
}
