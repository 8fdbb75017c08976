"""What cannot be judged is refused in one line, and a signal leaves nothing behind."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT
from embedding_gate.pull_request.__main__ import main
from embedding_gate.report.record import read_record
from tests.support.toy_gate import edit, git


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (
            {"embeddings/catalog.py": "NAME = 'toy'\nDEFAULT_MODEL = NAME\n"},
            "no DEFAULT_MODEL is named there",
        ),
        ({"embeddings/catalog.py": "DEFAULT_MODEL = (\n"}, "embeddings/catalog.py: cannot be read"),
        ({"embeddings/__pycache__/other.cpython-312.pyc": "0"}, "is not what a person reads"),
    ],
)
def test_what_cannot_be_judged_is_one_line(
    toy: Path, capsys: pytest.CaptureFixture[str], files: dict[str, str], words: str
) -> None:
    (toy / "embedding_gate/verdicts/__init__.py").unlink()  # the judge changed: both trees are read
    edit(toy, files)
    assert main(["--base", "HEAD", "--head", str(toy)], toy) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_a_file_where_the_base_has_a_folder_is_one_line(
    toy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(toy, {"embeddings/more/conftest.py": ""})
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "a folder")
    shutil.rmtree(toy / "embeddings/more")
    edit(toy, {"embeddings/more": "a file"})
    assert main(["--base", "HEAD", "--head", str(toy)], toy) == 2
    error = capsys.readouterr().err
    assert "embeddings/more" in error
    assert error.count("\n") == 1


def test_a_base_from_before_the_package_is_refused(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its gate lay inside the library: it cannot judge this tree."""
    shutil.rmtree(toy / "embedding_gate")
    git(toy, "commit", "-qam", "as it was")
    assert main(["--base", "HEAD", "--head", str(toy)], toy) == 2
    error = capsys.readouterr().err
    assert "has no package embedding_gate, so its gate cannot judge this tree" in error
    assert error.count("\n") == 1


def test_what_is_asked_wrongly_is_refused_before_a_run(
    toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--base", "HEAD", "--head", str(toy)]
    assert main([*asked, "--python", str(tmp_path / "none")], toy) == 2
    assert "none: cannot be run" in capsys.readouterr().err
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert main([*asked, "--report", str(tmp_path / "file" / "below")], toy) == 2
    assert "--- by" not in capsys.readouterr().out
    with pytest.raises(SystemExit, match="2"):
        main([*asked, "--history=h.jsonl"], toy)


def test_unknown_revision_is_one_line(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base", "nowhere", "--head", str(toy)], toy) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_leaves_nothing(toy: Path, number: signal.Signals) -> None:
    """The library, and a process that it starts, hold a pipe open: its end is the end of both."""
    pipe, scratch = toy.parent / "pipe", toy.parent / "scratch"
    os.mkfifo(pipe)
    scratch.mkdir()
    holds = (
        "import signal, subprocess, sys\n"
        f"pipe = open({str(pipe)!r}, 'w')\n"
        "subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()'], stdout=pipe)\n"
        "pipe.write('started')\npipe.flush()\nsignal.pause()\n"
    )
    edit(toy, {"embeddings/__init__.py": holds})
    code = (
        "import sys; from pathlib import Path; from embedding_gate.pull_request.__main__ import main; "
        f"toy = {str(toy)!r}; report = {str(toy.parent / 'report')!r}; "
        "sys.exit(main(['--base', 'HEAD', '--head', toy, '--report', report], Path(toy)))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with pipe.open() as held:
        assert held.read(7) == "started"
        process.send_signal(number)
        _, said = process.communicate()
        assert held.read() == ""  # nobody holds it any more
    assert process.returncode == 128 + number
    assert f"stopped by {number.name}" in said.decode()
    assert list(scratch.iterdir()) == []
    assert list((toy.parent / "report").glob("*")) == []
    git(toy, "worktree", "prune")
    assert not (toy / ".git" / "worktrees").exists()


def test_a_base_whose_report_is_older_is_red_and_says_so(toy: Path, tmp_path: Path) -> None:
    file = toy / "tests" / "record.json"
    file.write_text(file.read_text(encoding="utf-8").replace('"version": 2', '"schema": 1'), encoding="utf-8")
    git(toy, "commit", "-qam", "as it was")
    assert main(["--base", "HEAD", "--head", str(toy), f"--report={tmp_path / 'report'}"], toy) == 1
    record = read_record(tmp_path / "report" / "report.json")
    [reason] = record.reasons
    assert reason.startswith("report.json of this gate: is a report of version 1, and this embedding-gate")
