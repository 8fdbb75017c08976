"""Fuses the passes of an elementwise function into one loop, where MLX finds a C++ compiler (``g++``).

Each operation of MLX's CPU backend is one pass over memory. ``mx.compile`` makes one loop of all of them.
That takes 0.6 s of one core, once for each machine: MLX keeps the loop in the folder for temporary files.
"""

import tempfile
import threading
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path

from filelock import FileLock

from embeddings.backend import mx

__all__ = ["fused"]

Elementwise = Callable[[mx.array], mx.array]


def fused(function: Elementwise) -> Elementwise:
    """Return an elementwise function of float32 on a CPU, fused where that works and changes no bit.

    Only the main thread runs the fused one. MLX 0.32 keeps a Python object for each thread that has called a
    compiled function. If such a thread ends while Python shuts down, the process is aborted.
    """
    compiled = mx.compile(function, shapeless=True)

    @cache
    def works() -> bool:
        return _same(compiled, function)

    @wraps(function)
    def run(x: mx.array) -> mx.array:
        in_main_thread = threading.current_thread() is threading.main_thread()
        return compiled(x) if in_main_thread and works() else function(x)

    return run


def _same(compiled: Elementwise, function: Elementwise) -> bool:
    """Return whether the compiled function can be made, and gives the same numbers bit for bit.

    One process makes it at a time, because MLX would load what another process has half written. It cannot
    be made where the folder for temporary files cannot be written or holds nothing that may be executed.
    """
    with mx.stream(mx.cpu):
        x = mx.linspace(-8, 8, 4099)
        try:
            with FileLock(Path(tempfile.gettempdir()) / "mlx-compile.lock"):
                return bool(mx.array_equal(compiled(x), function(x)).item())
        except (OSError, RuntimeError):
            return False
