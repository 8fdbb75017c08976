"""Functions that run commands as a user does: each in a new process."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from embedding_gate import own_files

__all__ = ["pytest_run", "pytest_runs", "refused_in_one_line", "run_with_plugin"]

RUNS = """
import contextlib, io, json, sys
import pytest
for line in sys.stdin:
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = pytest.main(["-p", "no:cacheprovider", *json.loads(line)])
    print(json.dumps([int(code), out.getvalue(), err.getvalue()]), flush=True)
"""
Runs = Callable[[Sequence[str]], tuple[int, str, str]]


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


@contextmanager
def pytest_runs() -> Iterator[Runs]:
    """Start a process that runs pytest with one list of options after the other: exit code, stdout, stderr.

    For options that are refused. A new process for each of them would import all packages again.
    """
    command = [sys.executable, "-c", RUNS]
    with subprocess.Popen(
        command, cwd=own_files.ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        given, answers = process.stdin, process.stdout

        def run(options: Sequence[str]) -> tuple[int, str, str]:
            given.write(json.dumps([*options]) + "\n")
            given.flush()
            code, out, err = json.loads(answers.readline())
            return code, out, err

        yield run


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
