"""Joins the passes of an elementwise function into few loops, where MLX finds a C++ compiler (``g++``).

Each operation of MLX's CPU backend is one pass over memory. ``mx.compile`` joins up to eleven of them in one
loop. To compile one takes 0.4 s of one core. MLX keeps it in the folder for temporary files.
"""

import inspect
import tempfile
import threading
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path

from filelock import FileLock

from embeddings.backend import mx

__all__ = ["fused"]

Elementwise = Callable[..., mx.array]

# A compiled function keeps about 30 KB for each shape that it met. After so many shapes it is made again.
MOST_SHAPES = 64


def fused(function: Elementwise) -> Elementwise:
    """Return an elementwise function of float32 on a CPU, fused where that works and changes no bit.

    Only the main thread runs the fused one. MLX 0.32 keeps a Python object for each thread that has called a
    compiled function. If such a thread ends while Python shuts down, the process is aborted.

    Its arrays should be contiguous: MLX compiles another loop for each other layout, at its first use.

    MLX describes a function once for each shape, in 0.1 ms. ``shapeless=True`` spares that. But with it MLX
    joins half as many operations, and GELU took 1.7 times as long.
    """
    compiled, shapes = mx.compile(function), set[tuple[int, ...]]()

    @cache
    def works() -> bool:
        return _same(compiled, function)

    @wraps(function)
    def run(*arrays: mx.array) -> mx.array:
        nonlocal compiled, shapes
        if threading.current_thread() is not threading.main_thread() or not works():
            return function(*arrays)
        shapes.add(arrays[0].shape)
        if len(shapes) > MOST_SHAPES:
            compiled, shapes = mx.compile(function), {arrays[0].shape}
        return compiled(*arrays)

    return run


def _same(compiled: Elementwise, function: Elementwise) -> bool:
    """Return whether the compiled function can be made, and gives the same numbers bit for bit.

    One process makes it at a time, because MLX would load what another process has half written. It cannot
    be made where the folder for temporary files cannot be written or holds nothing that may be executed.
    """
    with mx.stream(mx.cpu):
        x = mx.linspace(-8, 8, 4099)
        arrays = [x] * len(inspect.signature(function).parameters)
        try:
            with FileLock(Path(tempfile.gettempdir()) / "mlx-compile.lock"):
                return bool(mx.array_equal(compiled(*arrays), function(*arrays), equal_nan=True).item())
        except (OSError, RuntimeError):
            return False
