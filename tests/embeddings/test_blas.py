"""The fast BLAS: in use where it should be, a clear warning where it could not be had."""

import importlib
import os
import subprocess
import sys

import pytest

from embedding_gate import own_files
from embeddings import backend

WITHOUT = (
    "from importlib import metadata\n"
    "def files(name): raise metadata.PackageNotFoundError(name)\n"
    "metadata.files = files\n"
)
linux = pytest.mark.skipif(sys.platform != "linux", reason="other platforms have a fast BLAS of their own")


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, where nothing is loaded yet."""
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        cwd=own_files.ROOT,
        env={**os.environ, backend.CHOICE_VARIABLE: "openblas", **environment},
        capture_output=True,
        text=True,
        check=True,
    )


@linux
def test_openblas_is_in_use_and_says_nothing() -> None:
    done = python("from embeddings import backend; print(backend.in_use())")
    assert done.stdout.startswith("OpenBLAS")
    assert not done.stderr


@linux
def test_embeddings_first_is_enough() -> None:
    """MLX may be imported between the package and the first use of it."""
    done = python("import embeddings, mlx.core; from embeddings import backend; print(backend.in_use())")
    assert done.stdout.startswith("OpenBLAS")
    assert not done.stderr


def test_the_judge_alone_warns_of_nothing() -> None:
    """It is used where there is no OpenBLAS, and MLX is not imported."""
    done = python(WITHOUT + "import embedding_gate.verdicts.gate, sys; print('mlx.core' in sys.modules)")
    assert done.stdout.strip() == "False"
    assert not done.stderr


# Stands for the package: a library that notes how it was set up, in place of 680 MB.
NOTES = """
import ctypes, sys
from importlib import metadata
from pathlib import Path
class Found:
    name = "libmkl_rt.so.3"
    def locate(self): return Path(NAME)
right, files, distributions = ctypes.CDLL, metadata.files, metadata.distributions
metadata.files = lambda name: [Found()] if name == "mkl" else files(name)
metadata.distributions = lambda **how: [1] if how == {"name": "mkl"} else distributions(**how)
class MKL:
    def __getattr__(self, name): return lambda value: print(name, value)
ctypes.CDLL = lambda path, *mode: MKL() if path == NAME else right(path, *mode)
from embeddings import fast_blas, backend
print(backend.in_use())
"""


@linux
@pytest.mark.parametrize(
    ("choice", "used"), [("", True), ("mkl", True), ("openblas", False), ("stock", False)]
)
def test_mkl_is_used_where_it_is_installed(choice: str, used: bool) -> None:
    """On one thread, with whole numbers of 32 bits as MLX has them. Then OpenBLAS is not loaded."""
    done = python(NOTES.replace("NAME", repr("/mkl")), **{backend.CHOICE_VARIABLE: choice})
    assert not done.stderr
    lines = ["MKL_Set_Threading_Layer 1", "MKL_Set_Interface_Layer 0"]
    assert (done.stdout.splitlines()[:-1] == lines) is used
    assert done.stdout.splitlines()[-1].startswith("OpenBLAS" if choice == "openblas" else "reference BLAS")


@linux
def test_mkl_that_cannot_be_loaded_is_told_and_openblas_is_used() -> None:
    without = (
        "from importlib import metadata\n"
        "right = metadata.files\n"
        "metadata.files = lambda name: None if name == 'mkl' else right(name)\n"
    )
    code = without + "from embeddings import backend; print(backend.in_use())"
    done = python(code, **{backend.CHOICE_VARIABLE: "mkl"})
    assert "no MKL (" in done.stderr
    assert "OpenBLAS takes its place; pip install mkl" in done.stderr
    assert done.stdout.startswith("OpenBLAS")


@linux
def test_stock_blas_on_request() -> None:
    done = python(
        "from embeddings import backend; print(backend.in_use())", **{backend.CHOICE_VARIABLE: "stock"}
    )
    assert done.stdout.startswith("reference BLAS")


@linux
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import mlx.core\n", "mlx.core was imported before embeddings"),
        (WITHOUT, "pip install ngsolve-openblas"),
    ],
)
def test_warning_where_it_could_not_be_had(code: str, words: str) -> None:
    done = python(code + "from embeddings import backend; print(backend.in_use())")
    assert words in done.stderr
    assert "70 times slower" in done.stderr
    assert done.stdout.startswith("reference BLAS")


def test_the_older_name_is_the_same_module() -> None:
    """Gates and benchmarks of older revisions import it."""
    older = importlib.import_module("embeddings.blas")
    assert {name: getattr(older, name) for name in backend.__all__} == {
        name: getattr(backend, name) for name in backend.__all__
    }


def test_unknown_choice() -> None:
    done = python("from embeddings import backend", **{backend.CHOICE_VARIABLE: "fastest"})
    assert "must be one of mkl, openblas, stock, got 'fastest'" in done.stderr
