"""How many cores the library uses, and what it tells MLX."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embeddings import backend

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
ALLOWED = set(range(8))


@on_linux
@pytest.mark.parametrize(
    ("share", "cores"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 2),
        ("20000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("", 8),
        (None, 8),
    ],
)
def test_a_container_has_a_share_of_the_cores(
    share: str | None, cores: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may see all cores of its host. A share of a core and a half is two cores."""
    file = tmp_path / "cpu.max"
    if share is not None:
        file.write_text(share, encoding="ascii")
    monkeypatch.setattr(backend, "CPU_SHARE", file)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: ALLOWED)
    assert backend.usable_cores() == cores


@pytest.mark.parametrize(("given", "expected"), [(None, "0"), ("1", "1")])
def test_many_shapes_do_not_end_a_process(given: str | None, expected: str) -> None:
    """MLX's check of its caches on CUDA is off, unless somebody switched it on."""
    name = "MLX_ENABLE_CACHE_THRASHING_CHECK"
    environment = {key: value for key, value in os.environ.items() if key != name}
    environment |= {name: given} if given else {}
    code = f"import os, embeddings; print(os.environ[{name!r}])"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    assert done.stdout.strip() == expected
