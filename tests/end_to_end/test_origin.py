"""A fine-tuned model beside its origin, judged as its author has it judged."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from embedding_gate.origin import open_origin
from embedding_gate.outside import open_outside
from embedding_gate.subjects.origin import NOT_WORSE
from tests.faults.slices import slice_of
from tests.support.commands import pytest_run
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.library_subjects import embed, first_token
from tests.support.origins import BESIDE, judged, on_slice
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


@pytest.mark.parametrize(("function", "worse"), [(embed, False), (first_token, True)])
def test_another_subject_is_compared_though_the_files_are_the_same(
    function: Callable[..., object], worse: bool
) -> None:
    subject = slice_of(open_outside(MODEL, BESIDE, function))
    origin = open_origin(subject, BESIDE)
    assert origin is not None
    assert not origin.same
    gate = judged(subject, on_slice(origin), NOT_WORSE)
    assert bool(gate.red) is worse
