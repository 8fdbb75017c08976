"""A fine-tuned model beside its origin, judged as its author has it judged."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from embedding_gate.adapter import find
from tests.support.commands import pytest_run

MODEL = "all-MiniLM-L6-v2"


def test_a_tuned_model_beside_its_origin(tmp_path: Path) -> None:
    """Noise of 1e-3 on each weight: the table and the report say what moved, and the verdict is asked for."""
    folder, report = tmp_path / "tuned", tmp_path / "report"
    shutil.copytree(find(MODEL), folder)
    weights, draw = load_file(folder / "model.safetensors"), np.random.default_rng(0)
    for name, of in weights.items():
        if of.dtype == np.float32:
            weights[name] = of + draw.normal(0, 1e-3, of.shape).astype(of.dtype)
    save_file(weights, folder / "model.safetensors")
    words = (f"--origin={MODEL}", "--require=not worse", f"--report={report}")
    done = pytest_run("-m", "quality", "-k", "not_worse or norm", f"--model={folder}", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"  not worse +\S+ +<= 0\.002 +\S+ +pass", done.stdout)
    assert re.search(rf"  beside its origin {MODEL} \(held against its goldens\), [\d,]+ texts:", done.stdout)
    assert re.search(r"of the 10 passages nearest to a query, 9\d\.\d% are the same", done.stdout)
    assert "    declared: nothing differs" in done.stdout
    [model] = json.loads((report / "report.json").read_text())["models"]
    assert model["origin"]["source"] == MODEL
    assert len(model["origin"]["drift"]["most"]) == 5
    assert "Beside its origin" in (report / "report.html").read_text()


def test_without_an_origin_it_cannot_be_required() -> None:
    done = pytest_run("-m", "quality", "--require=not worse")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stdout == ""
    (line,) = done.stderr.strip().splitlines()
    assert "--require=not worse: compares with the model's origin; add --origin=NAME or FOLDER" in line
