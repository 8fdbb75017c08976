"""Functions that run commands as a user does: each in a new process."""

import os
import subprocess
import sys
from pathlib import Path

from embedding_gate import own_files

__all__ = ["pytest_run", "run_with_plugin"]


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
