"""--report and --history as a user gives them: refused before the run, or written after it."""

import json
from pathlib import Path

import pytest

from embedding_gate.report.history import append, read_history
from embedding_gate.report.record import read_record
from embedding_gate.report.write import write_files
from tests.support import tiny
from tests.support.commands import pytest_run
from tests.support.records import a_record, errors

OLD = {"report.json": "old", "report.html": "old", "report.md": "old"}


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a folder, hidden ones too."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_a_missing_library_is_told_before_the_run(tmp_path: Path) -> None:
    shadow = tmp_path / "path" / "plotly"
    shadow.mkdir(parents=True)
    (shadow / "__init__.py").write_text("raise ImportError", encoding="utf-8")
    done = pytest_run("-m", "quality", f"--report={tmp_path / 'report'}", path=shadow.parent)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    words = "plotly: is not installed, and the pictures need it; run make dev, or pip install plotly"
    assert done.stderr.strip() == f"ERROR: --report: {words}"


@pytest.mark.parametrize("option", ["report", "history"])
def test_what_cannot_be_written_is_refused_before_the_run(option: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    done = pytest_run("-m", "quality", f"--{option}={tmp_path / 'file' / 'below'}")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert done.stderr.startswith(f"ERROR: --{option}: ")
    assert done.stderr.count("\n") == 1 or "\n\n" in done.stderr
    assert "collected" not in done.stdout


def test_a_red_run_writes_report_and_history(tmp_path: Path) -> None:
    """A tiny model with random weights is no better than chance: verdict, reasons and history say so."""
    model = tiny.build(tmp_path / "my-model", max_tokens=140)
    folder, file = tmp_path / "report", tmp_path / "history.jsonl"
    append(file, a_record())
    run = (
        "embedding_gate/checks/test_topics.py",
        "--baseline=none",
        f"--report={folder}",
        f"--history={file}",
    )
    done = pytest_run(*run, f"--model={model}")
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "report: report.json, report.md, report.html" in done.stdout
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert errors(record) == []
    assert record["verdict"] == "fail"
    red = [one["check"] for one in record["models"][0]["verdicts"] if one["red"]]
    assert red
    assert all(any(f": {check}: measured" in reason for reason in record["reasons"]) for check in red)
    assert record["models"][0]["part"]
    assert len(record["models"][0]["texts"]) == 104
    assert [one["verdict"] for one in record["history"]] == ["pass", "fail"]
    assert read_history(file) == read_record(folder / "report.json").history


def test_a_run_that_is_broken_off_leaves_the_report(tmp_path: Path) -> None:
    write_files(tmp_path, OLD)
    done = pytest_run(
        "tests/embedding_gate/test_thresholds.py",
        "--exitfirst",
        "-p",
        "tests.support.interrupting",
        f"--report={tmp_path}",
    )
    assert done.returncode == pytest.ExitCode.INTERRUPTED
    assert "no report: the run was broken off" in done.stdout
    assert contents(tmp_path) == OLD
