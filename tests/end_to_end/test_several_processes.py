"""The gate with -n: what it prints, writes and returns is what a run in one process does."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedding_gate import own_files
from tests.support import tiny
from tests.support.commands import pytest_run, run_with_plugin

SOME = "test_norm or finite or declared or hostile or batch_mates"
# A plugin for the process that judges the model in the folder "broken", at one of its checks.
AT_A_CHECK = """
import os, signal, pytest
@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call(item):
    if "PYTEST_XDIST_WORKER" in os.environ and "broken]" in item.name and "test_norm" in item.name:
"""


@pytest.fixture
def models(tmp_path: Path) -> list[str]:
    """Return the options for two models; the first one's vectors are not finite."""
    broken, right = (tiny.build(tmp_path / name, max_tokens=140) for name in ("broken", "right"))
    weights = load_file(broken / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][3] = np.nan
    save_file(weights, broken / "model.safetensors")
    return [f"--model={broken}", f"--model={right}"]


def tables(printed: str) -> list[str]:
    """Return what the gate printed, without pytest's line with the time."""
    lines = printed[printed.index("= embedding gate") :].splitlines()
    return [line for line in lines if not re.search(r"in [\d.]+s|^report: |^FAILED ", line)]


def recorded(folder: Path) -> dict[str, Any]:
    """Return the record of a run, without when and by which command it was made."""
    record: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    for key in ("when", "command"):
        del record["made"][key]
    return record


def test_all_is_as_in_one_process(models: list[str], tmp_path: Path) -> None:
    """Tables, last line, exit code, record and the figures for JUnit."""
    one, two = (
        pytest_run(
            *("-m", "quality", "-k", SOME, *models, *more),
            *(f"--report={tmp_path / name}", f"--junitxml={tmp_path / name}.xml"),
        )
        for name, more in (("one", []), ("two", ["-n2"]))
    )
    assert one.returncode == two.returncode == pytest.ExitCode.TESTS_FAILED, two.stdout
    assert tables(one.stdout) == tables(two.stdout)
    assert [line for line in tables(two.stdout) if line.startswith("right (")]
    assert recorded(tmp_path / "one") == recorded(tmp_path / "two")
    figures = [
        sorted(re.findall(r'<property name="measured[^>]*>', (tmp_path / f"{name}.xml").read_text("utf-8")))
        for name in ("one", "two")
    ]
    assert figures[0] == figures[1] != []


def test_a_process_that_is_killed_is_red(models: list[str], tmp_path: Path) -> None:
    plugin = f"{AT_A_CHECK}        os.kill(os.getpid(), signal.SIGKILL)\n"
    done = run_with_plugin(tmp_path, plugin, "-m", "quality", "-k", "test_norm", *models, "-n2")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED, done.stdout
    assert "right: 1 checks passed" in done.stdout.replace(f" ({tmp_path / 'right'})", "")
    line = f"{tmp_path / 'broken'} was not judged: a process of -n died; run it again, or without -n"
    assert done.stdout.splitlines()[-1] == f"embedding gate: FAIL: {line}"


def test_ctrl_c_is_no_verdict(models: list[str], tmp_path: Path) -> None:
    """As on a terminal, every process gets it."""
    plugin = f"{AT_A_CHECK}        os.kill(os.getppid(), signal.SIGINT)\n        raise KeyboardInterrupt\n"
    done = run_with_plugin(tmp_path, plugin, "-m", "quality", "-k", "test_norm", models[0], "-n1")
    assert done.returncode == pytest.ExitCode.INTERRUPTED, done.stdout
    assert done.stdout.splitlines()[-1] == "embedding gate: NO VERDICT: the run was broken off; run it again"


def test_an_error_of_all_checks_ends_the_run(models: list[str], tmp_path: Path) -> None:
    """A model that goes away meanwhile: one line, and the exit code of a mistake, as in one process."""
    plugin = """
import os
from embedding_gate.errors import InputError
from embedding_gate.state import Run
def opened(run, name, embedder=None):
    raise InputError("the folder", "is gone", hint="put it back")
if "PYTEST_XDIST_WORKER" in os.environ:
    Run.opened = opened
"""
    done = run_with_plugin(tmp_path, plugin, "-m", "quality", "-k", "test_norm", models[0], "-n1")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR, done.stdout
    assert done.stdout.count("the folder: is gone; put it back") == 1
    assert "Traceback" not in done.stdout + done.stderr


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return another repository, which runs the checks under a marker of its own, too."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "conftest.py").write_text('pytest_plugins = ["embedding_gate.plugin"]\n')
    (folder / "test_gate.py").write_text(
        "import pytest\nfrom embedding_gate.suite import *\npytestmark = [pytestmark, pytest.mark.mine]\n"
    )
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = mine\n")
    monkeypatch.setenv("PYTHONPATH", str(own_files.ROOT))
    return folder


@pytest.mark.parametrize(
    ("marker", "code", "words"),
    [
        ("quality", pytest.ExitCode.OK, "embedding gate: PASS of a part: 1 checks of right passed"),
        ("mine", pytest.ExitCode.INTERRUPTED, "-n: the checks of a model need one process: leave out -n"),
    ],
)
def test_in_another_repository(
    marker: str, code: int, words: str, elsewhere: Path, models: list[str]
) -> None:
    """Where -m does not name the gate, xdist shares its checks out one by one, and they refuse that."""
    options = f"-m {marker} -k test_norm -n1 --call-shapes".split()
    command = [sys.executable, "-m", "pytest", *options, models[1]]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stdout
    assert words in done.stdout
    assert ("asked of the judged model: " in done.stdout) == (code == pytest.ExitCode.OK)
