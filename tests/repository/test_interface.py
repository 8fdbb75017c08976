"""Whole runs in short: a green one, a red one, a wrong option. tests/end_to_end has the others."""

import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support import tiny
from tests.support.commands import pytest_run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "my-model", max_tokens=140)


def test_a_broken_model_is_red(model: Path) -> None:
    """One NaN among the weights: exit code 1, the worst first, the threshold beside the figure."""
    weights = load_file(model / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][3] = np.nan
    save_file(weights, model / "model.safetensors")
    done = pytest_run("embedding_gate/checks/test_vectors.py", f"--model={model}")
    assert done.returncode == 1
    assert re.search(r"my-model \(.*\): \d+ of \d+ checks red", done.stdout)
    assert re.search(r"norm +nan +<= \S+ +0x +FAIL\n +NaN in \d+ of \d+ vectors .*worst: \S+", done.stdout)
    assert re.search(
        r"^  looks like: .*(fp16 overflow|GELU of large numbers is NaN) \(layers\)", done.stdout, re.MULTILINE
    )
    assert "Traceback" not in done.stdout


def test_a_wrong_option_is_one_line() -> None:
    done = pytest_run("-m", "quality", "--model=no-such-model")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("ERROR: no-such-model: neither a known model nor a folder")
