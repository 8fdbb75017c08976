"""--calibrate: thresholds for a model that was shown to be right, and for no other."""

import shutil
import tomllib
from pathlib import Path

import pytest

from embedding_gate import adapter, own_files, session
from embedding_gate.calibrate import CALIBRATED, calibrate
from embedding_gate.errors import FixtureError
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict
from tests.faults.slices import slice_of


@pytest.fixture(scope="module")
def whole_run() -> tuple[Subject, list[Verdict]]:
    """The embedded model and the verdicts of a whole run, on the slice of texts that faults are judged on."""
    subject = slice_of(adapter.open_subject("all-MiniLM-L6-v2"))
    gate = session.open_gate(subject)
    session.run_gate(subject, gate)
    return subject, gate.verdicts


@pytest.fixture
def run(whole_run: tuple[Subject, list[Verdict]]) -> tuple[Subject, Gate]:
    """A gate of its own with those verdicts."""
    subject, verdicts = whole_run
    gate = session.open_gate(subject)
    gate.verdicts = list(verdicts)
    return subject, gate


def thresholds(path: Path) -> dict[tuple[str, str, str], object]:
    return {
        (str(entry["check"]), entry["model"], entry.get("fixture", "")): entry
        for entry in tomllib.loads(path.read_text(encoding="utf-8"))["threshold"]
    }


def test_thresholds_are_written_anew(run: tuple[Subject, Gate], tmp_path: Path) -> None:
    """What is there is what comes out; a threshold that somebody moved is put back, and the diff says so."""
    path = tmp_path / "thresholds.toml"
    shutil.copy(own_files.THRESHOLDS, path)
    moved = path.read_text().replace("at_least = 0.7225", "at_least = 0.7125")
    assert moved != path.read_text()
    path.write_text(moved)
    diff = calibrate(*run, path)
    assert "-at_least = 0.7125" in diff
    assert "+at_least = 0.7225" in diff
    assert thresholds(path) == thresholds(own_files.THRESHOLDS)
    assert [file.name for file in tmp_path.iterdir()] == ["thresholds.toml"]


@pytest.mark.parametrize(
    ("check", "outcome"),
    [
        ("parity", "FAIL"),
        ("topics parity", "not calibrated"),
        ("retrieval parity", "not calibrated"),
        ("alone or mixed", "FAIL"),
        ("topics by chance", "FAIL"),
        ("threads", None),
    ],
)
def test_a_model_that_was_not_shown_to_be_right_gets_none(
    run: tuple[Subject, Gate], tmp_path: Path, check: str, outcome: str | None
) -> None:
    """It failed, was not held against goldens, or the check did not run at all."""
    subject, gate = run
    path = tmp_path / "thresholds.toml"
    shutil.copy(own_files.THRESHOLDS, path)
    gate.verdicts = [verdict for verdict in gate.verdicts if verdict.check != check]
    if outcome:
        gate.verdicts.append(Verdict(check, 1.0, "", 0.0, outcome))  # type: ignore[arg-type]
    with pytest.raises(FixtureError, match=f"was not shown to be right in this run: {check}; run make"):
        calibrate(subject, gate, path)
    assert path.read_text() == own_files.THRESHOLDS.read_text()


def test_a_semantic_threshold_that_is_missed_does_not_stop_it(
    run: tuple[Subject, Gate], tmp_path: Path
) -> None:
    subject, gate = run
    path = tmp_path / "thresholds.toml"
    shutil.copy(own_files.THRESHOLDS, path)
    gate.verdicts += [Verdict(check, 0.0, "", 0.0, "FAIL") for check in CALIBRATED]
    calibrate(subject, gate, path)
    assert thresholds(path) == thresholds(own_files.THRESHOLDS)


def test_a_file_that_cannot_be_written(
    run: tuple[Subject, Gate], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line, and what was there stays."""
    path = tmp_path / "thresholds.toml"
    shutil.copy(own_files.THRESHOLDS, path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(FixtureError, match=r"cannot be written .No space left"):
        calibrate(*run, path)
    assert [file.name for file in tmp_path.iterdir()] == ["thresholds.toml"]
    assert path.read_text() == own_files.THRESHOLDS.read_text()
