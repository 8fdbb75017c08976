"""The only module that imports MLX. All other modules use ``from embeddings.backend import mx``.

Before this import, ``embeddings/__init__.py`` has loaded a fast BLAS (:mod:`embeddings.fast_blas`). If that
failed, this module warns that MLX will be slow.
"""

import ctypes
import os
import sys
import warnings
from pathlib import Path

import mlx.core as mx
from mlx import nn

from embeddings.errors import InputError
from embeddings.fast_blas import CHOICE_VARIABLE, why_not

__all__ = ["CHOICE_VARIABLE", "CORE_STREAMS", "in_use", "mx", "nn", "refuse_after_fork", "usable_cores"]

CPU_SHARE = Path("/sys/fs/cgroup/cpu.max")  # of control groups, version 2: microseconds in each period
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def usable_cores() -> int:
    """Count the cores that this process may use: those it may run on, and no more than its container's share.

    A container with the time of two cores may see all 64 of its host. 64 batches side by side would then wait
    for each other.
    """
    if sys.platform != "linux":
        return 1
    allowed = len(os.sched_getaffinity(0))
    try:
        microseconds, period = CPU_SHARE.read_text(encoding="ascii").split()
        return max(1, min(allowed, -(-int(microseconds) // int(period))))
    except (OSError, ValueError):  # no such file, or "max"
        return allowed


# On CUDA, MLX ends a process that has met more than 512 shapes of attention ("Cache thrashing"), however
# long it runs. A corpus has more. Without this check MLX should only prepare a shape again (not tried on a
# GPU). MLX reads the variable when it first computes.
os.environ.setdefault("MLX_ENABLE_CACHE_THRASHING_CHECK", "0")

# A stream of MLX for each core: a thread of the system that computes what is asked in it. Each of these
# objects stands for another stream in each thread of Python.
CORE_STREAMS = [mx.new_thread_local_stream(mx.cpu) for _ in range(usable_cores())]

_computed_in: int | None = None  # the process in which MLX has computed


def refuse_after_fork() -> None:
    """Refuse to compute in a process that was forked from one in which MLX computed.

    MLX's threads are not in the new process, and it would wait for them for ever. Without this, encode hung
    in five of five children.

    Raises:
        InputError: this is such a process.

    """
    global _computed_in  # noqa: PLW0603  (a process is one for all models)
    if _computed_in not in (None, os.getpid()):
        what = "was forked from one that had loaded a model, and MLX does not work in it"
        raise InputError(
            f"process {os.getpid()}", what, hint='start it by "spawn", or load models only after the fork'
        )
    _computed_in = os.getpid()


def in_use() -> str:
    """Name the BLAS that MLX uses for CPU matrix products, with its kernels and threads if known."""
    if sys.platform != "linux":
        return "Accelerate (part of macOS)"
    process = ctypes.CDLL(None)
    if hasattr(process, "mkl_get_version_string"):
        said = ctypes.create_string_buffer(200)
        process.mkl_get_version_string(said, len(said))
        version = said.value.decode().partition("Version ")[2].partition("-")[0]
        return f"Intel MKL {version}, {process.MKL_Get_Max_Threads()} threads"
    if not hasattr(process, "openblas_get_config"):
        return "reference BLAS, as MLX's Linux wheel ships it"
    process.openblas_get_config.restype = ctypes.c_char_p
    process.openblas_get_corename.restype = ctypes.c_char_p
    version = " ".join(process.openblas_get_config().decode().split()[:2])
    core = process.openblas_get_corename().decode()
    return f"{version}, {core} kernels, {process.openblas_get_num_threads()} threads"


def _keep_freed_memory() -> None:
    """Make glibc keep the freed memory of a batch's intermediate arrays for the next batch.

    By default glibc returns an array of some megabytes to the system. The system then gives out new memory
    page by page, filled with zeros. A product written to new memory took 2 ns a number; with kept memory it
    took 0.3 ns. Weights are larger than 32 MiB, so their memory is still returned.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(_M_TRIM_THRESHOLD, 256 * 2**20)


for _reason in why_not:
    warnings.warn(f"BLAS: {_reason}", stacklevel=2)
_keep_freed_memory()
