"""The commands that a user types, run as a user runs them."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests import harness
from tests.unit import tiny


def pytest_run(*arguments: str, path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run pytest in a new process."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=harness.ROOT,
        env={**os.environ, "PYTHONPATH": str(path or "")},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "my-model", max_tokens=140)


def test_a_model_of_ones_own(model: Path, tmp_path: Path) -> None:
    """It is judged by all that needs no goldens; the rest says so and is not red. JUnit has the figures."""
    done = pytest_run("-m", "quality", f"--model={model}", f"--junitxml={tmp_path / 'junit.xml'}")
    assert done.returncode == 0, done.stdout
    assert re.search(r"my-model: \d+ checks passed, 4 uncalibrated", done.stdout)
    assert re.search(r"parity +- +- +- +uncalibrated\n +no goldens of this model", done.stdout)
    junit = ET.parse(tmp_path / "junit.xml")  # noqa: S314  (made by the run above)
    properties = junit.findall(".//testcase[@name='test_norm[" + str(model) + "]']/properties/property")
    assert {found.get("name") for found in properties} == {"measured", "required"}


def test_a_broken_model_is_red(model: Path) -> None:
    """One NaN among the weights: exit code 1, the worst first, the bar beside the figure."""
    weights = load_file(model / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][3] = np.nan
    save_file(weights, model / "model.safetensors")
    done = pytest_run("-m", "quality", f"--model={model}")
    assert done.returncode == 1
    assert re.search(r"my-model: \d+ of \d+ checks red", done.stdout)
    assert re.search(r"norm +nan +<= \S+ +0x +FAIL", done.stdout)


def test_a_missing_model_is_one_error() -> None:
    done = pytest_run("-m", "quality", "--model=no-such-model")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "no-such-model: neither a known model nor a folder; known models are" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_bar_that_no_check_reads_is_red(model: Path, tmp_path: Path) -> None:
    """A plugin adds a bar that no check knows: a complete run fails, a partial one does not."""
    plugin = (
        "from embeddings.evaluation.gate import Threshold\n"
        "from tests import harness\n"
        "right = harness.open_gate\n"
        "def open_gate(model):\n"
        "    gate = right(model)\n"
        "    gate.thresholds['ghost'] = Threshold('ghost', model, 'at most', 1.0, 0.0, 'a test')\n"
        "    return gate\n"
        "harness.open_gate = open_gate\n"
    )
    (tmp_path / "ghost_bar.py").write_text(plugin)
    whole = pytest_run("-p", "ghost_bar", "-m", "quality", f"--model={model}", path=tmp_path)
    assert whole.returncode == 1
    assert "FAIL: bars that no check read: ghost" in whole.stdout
    part = pytest_run("-p", "ghost_bar", "-m", "quality", "-k", "norm", f"--model={model}", path=tmp_path)
    assert part.returncode == 0


def test_doctor() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "embeddings", "doctor"],
        cwd=harness.ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for words in (
        "packages",
        "device",
        "CPU BLAS",
        "GFLOP/s",
        "TF32",
        "compiler",
        "model all-MiniLM-L6-v2",
        "hashes right",
    ):
        assert words in done.stdout
