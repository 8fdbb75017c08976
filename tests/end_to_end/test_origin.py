"""A fine-tuned model beside its origin, judged as its author has it judged."""

import json
import re
from pathlib import Path

import pytest

from tests.support.commands import pytest_run
from tests.support.tuned import MODEL, copied, noisy


def test_a_tuned_model_beside_its_origin(tmp_path: Path) -> None:
    """Noise of 1e-3 on each weight: the table and the report say what moved, and the verdict is asked for."""
    folder, report = copied(tmp_path / "tuned", noisy), tmp_path / "report"
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
