"""Loads a fast BLAS into the process before MLX is imported. ``import embeddings`` does this.

MLX's Linux wheel links reference BLAS. With it a 1024 x 1024 fp32 product runs at about 4 GFLOP/s. With
OpenBLAS it runs at about 290 GFLOP/s on the same two cores (``python -m embeddings doctor`` measures your
machine). MLX looks up ``cblas_sgemm`` in the global symbol scope of the process. So if OpenBLAS is loaded
there before ``mlx.core``, MLX uses OpenBLAS. Nothing is patched. Other platforms are not changed: macOS has
Accelerate and Metal. Where Intel's MKL is installed (the extra ``mkl``), it takes the place of OpenBLAS.

Loading the library changes global state at import. It is the only such change in this package. This module
does not import MLX and does not warn. backend.py does both.
"""

import ctypes
import os
import sys
from importlib import metadata
from pathlib import Path

__all__ = ["CHOICE_VARIABLE", "why_not"]

# Without it, mkl is taken where it is installed, else openblas.
CHOICE_VARIABLE = "EMBEDDING_GATE_BLAS"
_CHOICES = ("mkl", "openblas", "stock")
_SEQUENTIAL, _LP64 = 1, 0  # of MKL's mkl_service.h: one thread, and whole numbers of 32 bits
_PACKAGE = "ngsolve-openblas"  # kernels for every x86-64 processor in one library, chosen at run time
_FORTRAN = "libgfortran.so.5"
_SLOW = "matrix products on the CPU will be about 70 times slower"


def _installed(distribution: str, name: str) -> Path:
    """Return the path of a distribution's file whose name starts with ``name``."""
    for file in metadata.files(distribution) or []:
        if file.name.startswith(name):
            return Path(str(file.locate()))
    raise FileNotFoundError(f"{distribution} has no {name}")


def _load_fortran_runtime() -> None:
    """Load the Fortran runtime that OpenBLAS needs, from the copy inside MLX's own wheel.

    A fresh machine has no libgfortran.so.5. MLX's CPU wheel contains one, but the tool that packed the wheel
    renamed it. The loader identifies a library by the name written inside the file. So this function writes
    the plain name back into a copy in memory and loads that copy. Nothing is stored on disk.
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
        openblas.openblas_set_num_threads(1)  # each core works on its own batch (batch_runner.py)


def _load_mkl() -> None:
    mkl = ctypes.CDLL(str(_installed("mkl", "libmkl_rt")), ctypes.RTLD_GLOBAL)
    if "MKL_THREADING_LAYER" not in os.environ:
        mkl.MKL_Set_Threading_Layer(_SEQUENTIAL)  # each core works on its own batch (batch_runner.py)
    mkl.MKL_Set_Interface_Layer(_LP64)


def _load() -> list[str]:
    """Load the BLAS that is wanted on this platform. Return the warnings for the user."""
    found = []
    choice = os.environ.get(CHOICE_VARIABLE, "")
    if choice and choice not in _CHOICES:
        known = ", ".join(_CHOICES)
        found.append(f"{CHOICE_VARIABLE} must be one of {known}, got {choice!r}; taken as not set")
    if sys.platform != "linux" or choice == "stock":
        return found
    if "mlx.core" in sys.modules:
        return [*found, f"mlx.core was imported before embeddings: {_SLOW}; import embeddings first"]
    if choice == "mkl" or (choice != "openblas" and any(metadata.distributions(name="mkl"))):
        try:
            _load_mkl()
        except (OSError, metadata.PackageNotFoundError) as error:
            found.append(f"no MKL ({error}): OpenBLAS takes its place; pip install mkl")
        else:
            return found
    try:
        _load_openblas()
    except (OSError, metadata.PackageNotFoundError) as error:
        found.append(f"no OpenBLAS ({error}): {_SLOW}; pip install {_PACKAGE}")
    return found


why_not = tuple(_load())
