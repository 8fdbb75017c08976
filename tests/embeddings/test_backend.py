"""How many cores the library uses."""

import os
import sys
from pathlib import Path

import pytest

from embeddings import backend

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="control groups are Linux's")
ALLOWED = set(range(8))


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
