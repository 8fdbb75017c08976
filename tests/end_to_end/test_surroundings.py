"""The gate runs where little is there: nothing can be written, no git, no home, a path with blanks."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from embedding_gate import own_files
from tests.support import tiny

SOME = ("-m", "quality", "-k", "test_norm or generated_mixtures")


def gate(
    *options: str, root: Path = own_files.ROOT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    return gate_in(os.environ | environment, *options, root=root)


def gate_in(environment: Mapping[str, str], *options: str, root: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "pytest", *SOME, *options]
    return subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)


def test_nothing_can_be_written(tmp_path: Path) -> None:
    """As in a checkout that is read-only: below a file there is no folder, for nobody."""
    file = tmp_path / "file"
    file.touch()
    below = str(file / "below")
    model = tiny.build(tmp_path / "model", max_tokens=140)
    done = gate(
        *(f"--model={model}", "-o", f"cache_dir={below}"),
        HYPOTHESIS_STORAGE_DIRECTORY=below,
        PYTHONPYCACHEPREFIX=below,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "= embedding gate, A PART: 2 of " in done.stdout
    assert "2 checks passed" in done.stdout
    assert "could not create cache path" in done.stdout


@pytest.mark.parametrize("home", [{}, {"HOME": "/nonexistent"}], ids=["no HOME", "HOME is not there"])
def test_no_git_and_no_home(home: Mapping[str, str], tmp_path: Path) -> None:
    """In a copy that no git knows, whose path has blanks and letters that are not ASCII."""
    root = tmp_path / "a cöpy of it"
    for name in ("benchmarks", "embedding_gate", "embeddings", "fixtures", "tests"):
        shutil.copytree(own_files.ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(own_files.ROOT / name, root)
    model = tiny.build(tmp_path / "a möˈdel", max_tokens=140)
    report = tmp_path / "the repört"
    done = gate_in({"PATH": "", **home}, f"--model={model}", f"--report={report}", root=root)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 checks passed" in done.stdout
    assert (report / "report.html").is_file()
