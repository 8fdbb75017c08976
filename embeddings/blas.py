"""The one door to MLX: a fast BLAS enters the process first, then ``mlx.core`` is imported.

MLX's Linux wheel links reference BLAS: a 1024 x 1024 fp32 product runs at about 4 GFLOP/s, and at
about 290 with OpenBLAS on the same two cores (``python -m embeddings doctor`` measures yours). MLX
looks ``cblas_sgemm`` up in the process's global symbol scope, so an OpenBLAS that is loaded there
before ``mlx.core`` takes over. Nothing is patched, and no other platform is touched: macOS has
Accelerate and Metal.

Loading a library is a change of global state at import, the only one in this package; that is why
everything here that needs MLX says ``from embeddings.blas import mx``.
"""

import ctypes
import os
import sys
import warnings
from importlib import metadata
from pathlib import Path

__all__ = ["CHOICE_VARIABLE", "in_use", "mx", "nn", "usable_cores"]

CHOICE_VARIABLE = "EMBEDDING_GATE_BLAS"  # "openblas" (the default) or "stock"
_PACKAGE = "ngsolve-openblas"  # kernels for every x86-64 processor in one library, chosen at run time
_FORTRAN = "libgfortran.so.5"
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


def usable_cores() -> int:
    """Count the cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1


def in_use() -> str:
    """Name the BLAS that MLX's CPU matrix products run on, with its kernel and threads where it tells."""
    if sys.platform != "linux":
        return "Accelerate (part of macOS)"
    process = ctypes.CDLL(None)
    if not hasattr(process, "openblas_get_config"):
        return "reference BLAS, as MLX's Linux wheel ships it"
    process.openblas_get_config.restype = ctypes.c_char_p
    process.openblas_get_corename.restype = ctypes.c_char_p
    version = " ".join(process.openblas_get_config().decode().split()[:2])
    core = process.openblas_get_corename().decode()
    return f"{version}, {core} kernels, {process.openblas_get_num_threads()} threads"


def _installed(distribution: str, name: str) -> Path:
    """Return the path of a distribution's file whose name starts with ``name``."""
    for file in metadata.files(distribution) or []:
        if file.name.startswith(name):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"{distribution} has no {name}")


def _load_fortran_runtime() -> None:
    """Load the Fortran runtime that OpenBLAS names, from the copy inside MLX's own wheel.

    A bare machine has no libgfortran.so.5. MLX's CPU wheel carries one, renamed by the tool that
    packed it; the loader knows a library by the name written inside it, so a copy with the plain
    name written back is loaded from memory. Nothing is stored.
    """
    if quadmath := [f for f in metadata.files("mlx-cpu") or [] if f.name.startswith("libquadmath")]:
        ctypes.CDLL(str(quadmath[0].locate()))  # x86-64 only
    path = _installed("mlx-cpu", "libgfortran")
    packed, plain = path.name.encode() + b"\0", _FORTRAN.encode() + b"\0"
    library = path.read_bytes().replace(packed, plain.ljust(len(packed), b"\0"))
    handle = os.memfd_create(_FORTRAN)
    try:
        with os.fdopen(os.dup(handle), "wb") as file:
            file.write(library)
        ctypes.CDLL(f"/proc/self/fd/{handle}")
    finally:
        os.close(handle)


def _load_openblas() -> None:
    path = str(_installed(_PACKAGE, "libopenblas"))
    try:
        openblas = ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
    except OSError as error:
        if _FORTRAN not in str(error):
            raise
        _load_fortran_runtime()
        openblas = ctypes.CDLL(path, ctypes.RTLD_GLOBAL)
    if "OPENBLAS_NUM_THREADS" not in os.environ:
        openblas.openblas_set_num_threads(1)  # the cores each have a batch of their own (embedder.py)


def _warn(message: str) -> None:
    warnings.warn(f"BLAS: {message}", stacklevel=4)


def _preload() -> None:
    choice = os.environ.get(CHOICE_VARIABLE, "openblas")
    if choice not in ("openblas", "stock"):
        _warn(f"{CHOICE_VARIABLE} must be 'openblas' or 'stock', got {choice!r}; taken as 'openblas'")
    if sys.platform != "linux" or choice == "stock":
        return
    slow = "matrix products on the CPU will be about 70 times slower"
    if "mlx.core" in sys.modules:
        _warn(f"mlx.core was imported before embeddings: {slow}; import embeddings first")
        return
    try:
        _load_openblas()
    except (OSError, metadata.PackageNotFoundError) as error:
        _warn(f"no OpenBLAS ({error}): {slow}; pip install {_PACKAGE}")


def _keep_freed_memory() -> None:
    """Let glibc keep what a batch's intermediate arrays freed, for the next ones.

    It would give each of some megabytes back to the system, which then hands it out page by page, zeroed:
    a product written to new memory took 2 ns a number, and 0.3 so. Weights, above 32 MiB, are still returned.
    """
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(_M_MMAP_THRESHOLD, 32 * 2**20)
        libc.mallopt(_M_TRIM_THRESHOLD, 256 * 2**20)


_preload()
_keep_freed_memory()
import mlx.core as mx  # noqa: E402  (after the BLAS, which is the point of this module)
from mlx import nn  # noqa: E402
