"""The fast BLAS: in use where it should be, a clear warning where it could not be had."""

import os
import subprocess
import sys

import pytest

from embeddings import blas
from tests import harness

linux = pytest.mark.skipif(sys.platform != "linux", reason="other platforms have a fast BLAS of their own")


def python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a new process, where nothing is loaded yet."""
    return subprocess.run(
        [sys.executable, "-W", "always", "-c", code],
        cwd=harness.ROOT,
        env={**os.environ, blas.CHOICE_VARIABLE: "openblas", **environment},
        capture_output=True,
        text=True,
        check=True,
    )


@linux
def test_openblas_is_in_use_and_says_nothing() -> None:
    done = python("from embeddings import blas; print(blas.in_use())")
    assert done.stdout.startswith("OpenBLAS")
    assert not done.stderr


@linux
def test_stock_blas_on_request() -> None:
    done = python("from embeddings import blas; print(blas.in_use())", **{blas.CHOICE_VARIABLE: "stock"})
    assert done.stdout.startswith("reference BLAS")


@linux
@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import mlx.core; from embeddings import blas", "mlx.core was imported before embeddings"),
        (
            "from importlib import metadata\n"
            "def files(name): raise metadata.PackageNotFoundError(name)\n"
            "metadata.files = files\n"
            "from embeddings import blas",
            "pip install ngsolve-openblas",
        ),
    ],
)
def test_warning_where_it_could_not_be_had(code: str, words: str) -> None:
    done = python(code + "; print(blas.in_use())" if "\n" not in code else code + "\nprint(blas.in_use())")
    assert words in done.stderr
    assert "70 times slower" in done.stderr
    assert done.stdout.startswith("reference BLAS")


def test_unknown_choice() -> None:
    done = python("from embeddings import blas", **{blas.CHOICE_VARIABLE: "fastest"})
    assert "must be 'openblas' or 'stock', got 'fastest'" in done.stderr
