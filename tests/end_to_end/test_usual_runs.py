"""Runs as users start them: a narrow terminal, a log, -x, -k, a path with spaces, Windows line ends."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from tests.support import tiny
from tests.support.commands import pytest_run


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return tiny.build(tmp_path / "of mine" / "a model", max_tokens=140)


def test_a_narrow_terminal_and_a_log(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The log has no colours and no progress bars. The last line says the verdict."""
    topics = tmp_path / "my topics.csv"
    rows = [f"{kind},{kind} number {number}" for kind in ("red", "blue") for number in range(4)]
    topics.write_bytes("\r\n".join(["category,text", *rows, ""]).encode())
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("NO_COLOR", "1")
    done = pytest_run(
        "tests/quality", "-k", "test_norm or cohesion", f"--model={model}", f"--topics={topics}"
    )
    assert done.returncode == 0, done.stdout
    assert not {"\x1b", "\r"} & set(done.stdout + done.stderr)
    assert "\n  norm " in done.stdout
    last = done.stdout.splitlines()[-1]
    assert last.startswith(
        "embedding gate: PASS of a part: 1 checks of a model passed, others were not made;"
    )


def test_stop_at_the_first_failure(model: Path) -> None:
    """With -x the other checks were not made: nothing is said to be missing."""
    weights = load_file(model / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][3] = np.nan
    save_file(weights, model / "model.safetensors")
    done = pytest_run("-m", "quality", "-x", f"--model={model}")
    assert done.returncode == 1, done.stdout
    assert "never evaluated" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("embedding gate: FAIL: 1 of ")


def test_nothing_selected() -> None:
    done = pytest_run("tests/quality", "-k", "no_such_check")
    assert done.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    assert done.stdout.splitlines()[-1].startswith("embedding gate: NO VERDICT: no check was selected; ")
