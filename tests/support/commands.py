"""Functions that run commands as a user does: each in a new process."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from embedding_gate import own_files

__all__ = ["pytest_run", "refused_in_one_line", "run_with_plugin"]


def pytest_run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest in a new process."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=own_files.ROOT,
        env={**os.environ, "PYTHONPATH": str(path or "")},
        capture_output=True,
        text=True,
        check=False,
    )


def run_with_plugin(tmp_path: Path, plugin: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run pytest with a plugin that consists of the given lines."""
    (tmp_path / "a_plugin.py").write_text(plugin)
    return pytest_run("-p", "a_plugin", *arguments, path=tmp_path)


def refused_in_one_line(options: Sequence[str], words: str) -> None:
    """Run pytest, and require that it refuses the options in one line with these words."""
    done = pytest_run(*options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
    assert len(errors) == 1
    assert words in errors[0]
    assert "Traceback" not in done.stdout + done.stderr
