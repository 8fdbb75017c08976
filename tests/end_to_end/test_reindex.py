"""Old and new vectors, as a user asks for them: a snapshot, a run beside it, and two models side by side."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedding_gate.own_files import ROOT
from tests.support import tiny


def gate(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run embedding-gate in a new process."""
    words = [sys.executable, "-m", "embedding_gate", *arguments]
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Build a tiny model, and the same one with a negated last norm: each vector is negated."""
    folder = tmp_path_factory.mktemp("models")
    one, other = (tiny.build(folder / name, max_tokens=140) for name in ("old", "new"))
    weights = load_file(other / "model.safetensors")
    last = sorted(name for name in weights if "output.LayerNorm" in name)[-2:]
    for name in last:
        weights[name] = -weights[name]
    save_file(weights, other / "model.safetensors")
    return one, other


def test_a_snapshot_and_a_run_beside_it(models: tuple[Path, Path], tmp_path: Path) -> None:
    file, report = tmp_path / "old.snapshot", tmp_path / "report"
    taken = gate("snapshot", str(file), f"--model={models[0]}")
    assert taken.returncode == 0, taken.stderr
    assert taken.stdout.startswith(f"{file}: old, 1,129 texts")
    beside = gate(
        f"--model={models[1]}",
        f"--snapshot={file}",
        "--require=same",
        "--baseline=none",
        f"--report={report}",
        "--call-shapes",
        *("-k", "reindex"),
    )
    assert beside.returncode == 1, beside.stdout
    assert f"beside --snapshot={file}: re-index (sign): each vector is negated" in beside.stdout
    assert "identity: differs in weights" in beside.stdout
    assert "calls of this run" in beside.stdout
    (model,) = json.loads((report / "report.json").read_text())["models"]
    assert (model["reindex"]["answer"], model["reindex"]["required"]) == ("re-index", "same")
    assert "Old and new vectors" in (report / "report.html").read_text()


def test_two_models_side_by_side(models: tuple[Path, Path], tmp_path: Path) -> None:
    names = [f"--model={folder}" for folder in models]
    done = gate(*names, "--compare", "--baseline=none", "-k", "finite", f"--report={tmp_path}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "side by side" in done.stdout
    first, other = json.loads((tmp_path / "report.json").read_text())["compared"]
    assert first["cosine"]["value"] == pytest.approx(1)
    assert other["cosine"]["value"] == pytest.approx(-1, abs=1e-3)
    assert np.isfinite(other["speed"]["low"])
    assert "Side by side" in (tmp_path / "report.html").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--require=same"], "--require=same: compares old and new vectors; add --snapshot=FILE"),
        (["--snapshot=no-such-file"], "no-such-file: no such file; take a snapshot first"),
        (["--snapshot=a", "--against-model=b"], "--snapshot holds the vectors to compare with"),
        (["--compare"], "--compare: name two models of the library or more"),
    ],
)
def test_a_mistake_is_one_line(options: list[str], words: str) -> None:
    done = gate(*options)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    (line,) = done.stderr.strip().splitlines()
    assert words in line
