"""A pull request is judged by its base, and cannot move its own goalposts."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from embedding_gate.errors import InputError
from embedding_gate.git import commit_of
from embedding_gate.own_files import ROOT
from embedding_gate.pull_request.__main__ import main
from embedding_gate.pull_request.changes import changes_of
from embedding_gate.pull_request.files import read_commit, read_work_tree
from tests.support.toy_gate import FILES, edit, git, make_toy

WORSE = {"embeddings/__init__.py": "def encode():\n    return 3.0\n"}
WIDER = {"fixtures/thresholds.toml": FILES["fixtures/thresholds.toml"].replace("2.0", "9.0")}


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    return make_toy(tmp_path / "toy")


def judged(toy: Path, *options: str) -> dict[str, Any]:
    """Judge the toy's work tree by its commit, and return the record."""
    report = toy.parent / "report"
    status = main(["--base", "HEAD", "--head", str(toy), "--report", str(report), *options], toy)
    record = json.loads((report / "report.json").read_text())
    assert (status == 0) == (record["verdict"] == "pass")
    assert isinstance(record, dict)
    return record


def test_what_only_makes_the_library_better_is_green(toy: Path) -> None:
    edit(toy, {"embeddings/__init__.py": "def encode():\n    return 0.5\n", "README.md": "faster"})
    record = judged(toy)
    assert record["judge"]["base_verdict"] == "pass"
    assert record["judge"]["changed"] == record["reasons"] == []
    assert record["models"][0]["verdicts"][0]["measured"] == 0.5  # the head's library


def test_a_fault_is_red(toy: Path) -> None:
    edit(toy, WORSE)
    assert judged(toy)["reasons"] == ["toy: parity: measured 3.0"]


def test_a_fault_that_widens_its_threshold_is_red_twice(toy: Path, capfd: pytest.CaptureFixture[str]) -> None:
    edit(toy, WORSE | WIDER)
    record = judged(toy)
    judge = record["judge"]
    assert (judge["base_verdict"], judge["head_verdict"], judge["approved"]) == ("fail", "pass", False)
    assert judge["moved"] == [
        "fixtures/thresholds.toml: changed, +1 -1 lines",
        "fixtures/thresholds.toml: parity (toy): at_most 2.0 -> 9.0",
        "fixtures/thresholds.toml: norm (toy): at_most 2.0 -> 9.0",
    ]
    assert record["reasons"][0].startswith("the judge changed: fixtures/thresholds.toml; verdict of the base")
    assert record["reasons"][1:] == ["toy: parity: measured 3.0"]
    assert "THE JUDGE CHANGED: not approved" in capfd.readouterr().out
    assert {one.name for one in (toy.parent / "report" / "head").iterdir()} == {"report.json", "junit.xml"}


def test_a_person_approves_what_was_seen_and_nothing_else(toy: Path) -> None:
    edit(toy, WIDER)
    digest = judged(toy)["judge"]["digest"]
    assert judged(toy, "--approve", "0" * 64)["verdict"] == "fail"
    approved = judged(toy, "--approve", f"a label, judge:{digest[:32]}")
    assert (approved["judge"]["approved"], approved["verdict"]) == (True, "pass")
    edit(toy, WORSE)  # afterwards: the verdict of the base's judge is another one
    assert judged(toy, "--approve", digest)["verdict"] == "fail"
    edit(toy, {"embeddings/__init__.py": FILES["embeddings/__init__.py"], "tests/other.py": "0"})
    assert judged(toy, "--approve", digest)["verdict"] == "fail"


def test_an_approval_of_what_the_base_calls_red_is_of_that_library(toy: Path) -> None:
    """Thresholds that a person approved let no other fault through."""
    edit(toy, WORSE | WIDER)
    digest = judged(toy)["judge"]["digest"]
    assert judged(toy, "--approve", digest)["verdict"] == "pass"
    edit(toy, {"embeddings/__init__.py": WORSE["embeddings/__init__.py"].replace("3.0", "8.0")})
    record = judged(toy, "--approve", digest)
    assert (record["judge"]["base_verdict"], record["judge"]["head_verdict"]) == ("fail", "pass")
    assert record["verdict"] == "fail"


SAYS = "import atexit, os\natexit.register(os.write, 1, b'::error::no\\n')\n"
HARMLESS = "\ndef encode():\n    return 1.0\n"
TRANSLATES = (
    "import os\nos.makedirs('tests/__pycache__')\n" + "open('tests/__pycache__/a.pyc', 'w')" + HARMLESS
)
ALTERS = "open({!r}, 'a').write('# altered')" + HARMLESS


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"tests/quality/test_toy.py": "import pytest\n"}, "the judge changed"),
        ({"tests/quality/conftest.py": "collect_ignore = ['test_toy.py']\n"}, "the judge changed"),
        ({"pytest.ini": "[pytest]\naddopts = -k norm\n"}, "the judge changed"),
        ({"sitecustomize.py": "import os\nos._exit(0)\n"}, "the judge changed"),
        ({"json.py": "loads = None\n"}, "the judge changed"),
        ({"embedding_gate/verdicts/gate.py": "red = False\n"}, "the judge changed"),
        (
            {"pyproject.toml": FILES["pyproject.toml"] + 'addopts = ["-p", "embeddings.plugin"]\n'},
            "the judge changed",
        ),
        (
            {"embeddings/conftest.py": "def pytest_collection_modifyitems(items): items.clear()\n"},
            "the judge changed",
        ),
        ({"embeddings/__init__.py": "import os\nos._exit(0)\n"}, "left no report"),
        ({"embeddings/__init__.py": "import pytest\n\ndef encode(): pytest.skip('no')\n"}, "no model"),
        ({"embeddings/__init__.py": "import pytest\n\ndef encode(): pytest.exit('', 0)\n"}, "no model"),
        ({"embeddings/__init__.py": ALTERS.format("tests/quality/test_toy.py")}, "test_toy.py: was altered"),
        ({"embeddings/__init__.py": ALTERS.format("tests/quality/conftest.py")}, "conftest.py: was altered"),
        ({"embeddings/__init__.py": TRANSLATES}, "a.pyc: was altered"),
    ],
)
def test_tricks_stay_red(toy: Path, files: dict[str, str], reason: str) -> None:
    edit(toy, WORSE | files)
    record = judged(toy)
    assert record["judge"]["base_verdict"] == "fail"  # untouched by what the head brings besides
    assert any(reason in line for line in record["reasons"])


def test_the_base_names_the_model(toy: Path) -> None:
    edit(toy, {"embeddings/catalog.py": 'DEFAULT_MODEL = "another"\n'})
    assert judged(toy)["models"][0]["asked_for"] == "toy"


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


def test_the_default_model_is_read_with_its_type_too(toy: Path) -> None:
    edit(toy, {"embeddings/catalog.py": 'DEFAULT_MODEL: str = "toy"\n'})
    git(toy, "commit", "-qam", "typed")
    edit(toy, {"embeddings/catalog.py": 'DEFAULT_MODEL: str = "another"\n'})
    assert judged(toy)["models"][0]["asked_for"] == "toy"


def test_tests_that_cannot_be_read_are_red_and_no_traceback(toy: Path) -> None:
    edit(toy, {"tests/quality/test_toy.py": "def test_norm(:\n"})
    record = judged(toy)
    assert (record["judge"]["base_verdict"], record["judge"]["head_verdict"]) == ("pass", "fail")


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


def test_many_files_do_not_bury_the_thresholds(toy: Path) -> None:
    edit(toy, WIDER | {f"aside/{number}.py": "" for number in range(30)})
    record = judged(toy)
    assert "and 11 more; verdict" in record["reasons"][0]
    assert len(record["judge"]["changed"]) == 31
    assert record["judge"]["moved"][0].startswith("fixtures/thresholds.toml")


def test_a_part_of_the_gate_is_no_verdict(toy: Path) -> None:
    assert judged(toy, "-k", "norm")["reasons"] == ["toy: no verdict on parity"]


def test_what_the_gates_model_does_not_use_is_tested_too(toy: Path) -> None:
    """The base's tests of the decoders: the model of the gate is none."""
    test = "import embeddings\n\n\ndef test_mask():\n    assert embeddings.MASK\n"
    edit(toy, {"embeddings/__init__.py": "MASK = True" + HARMLESS, "tests/embeddings/test_decoder.py": test})
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "decoder")
    assert judged(toy)["verdict"] == "pass"
    edit(toy, {"embeddings/__init__.py": "MASK = False" + HARMLESS})
    assert judged(toy)["reasons"] == ["tests/embeddings/test_decoder.py: red, see the log"]


def test_a_link_is_not_followed(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "embeddings" / "more.py").symlink_to(toy / "conftest.py")
    assert main(["--base", "HEAD", "--head", str(toy)], toy) == 2
    assert "embeddings/more.py: is no plain file, and cannot be judged" in capsys.readouterr().err
    (toy / "embeddings" / "more.py").unlink()
    (toy / "fixtures" / "thresholds.toml").unlink()
    (toy / "fixtures" / "thresholds.toml").symlink_to(toy / "conftest.py")
    assert judged(toy)["judge"]["changed"] == ["fixtures/thresholds.toml"]


def test_unknown_revision_is_one_line(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--base", "nowhere", "--head", str(toy)], toy) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_commit_is_read_without_its_filters(toy: Path) -> None:
    edit(toy, {".gitattributes": "*.py eol=crlf\n", "tests/\u00e9 \n.txt": "x", "tests/gone.py": "0"})
    git(toy, "add", "-A")
    git(toy, "commit", "-qm", "attributes")
    tree = read_commit(toy, commit_of(toy, "HEAD"))
    assert tree["conftest.py"] == FILES["conftest.py"].encode()
    assert tree["tests/\u00e9 \n.txt"] == b"x"
    (toy / "tests" / "gone.py").unlink()
    here = read_work_tree(toy)
    assert here == {path: data for path, data in tree.items() if path != "tests/gone.py"}
    assert [change.path for change in changes_of(tree, here)] == ["tests/gone.py"]
    with pytest.raises(InputError):
        commit_of(toy, "--help")


def test_a_run_sees_no_token_and_no_settings(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "GITHUB_TOKEN", "GITHUB_ENV", "PYTEST_ADDOPTS", "PYTHONPATH", "PYTEST_PLUGINS"):
        monkeypatch.setenv(name, "-k nothing")
    record = judged(toy)
    assert record["verdict"] == "pass"
    seen = set(
        record["models"]
        and json.loads((toy.parent / "report/base/report.json").read_text())["made"]["machine"].split()
    )
    assert not [
        name for name in seen if name.startswith(("HF_T", "GITHUB_", "PYTEST_A", "PYTEST_PL", "PYTHONPATH"))
    ]


def test_github_obeys_nothing_that_a_run_prints(
    toy: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    edit(toy, {"embeddings/__init__.py": SAYS + HARMLESS})
    assert judged(toy)["verdict"] == "pass"
    found = re.search(r"^::stop-commands::(\w{32})\n(.*)^::(\w{32})::\n", capfd.readouterr().out, re.S | re.M)
    assert found
    assert found[1] == found[3]
    assert "::error::no" in found[2]


def test_a_report_of_a_judge_that_did_not_change_keeps_no_other(toy: Path) -> None:
    edit(toy, WIDER)
    judged(toy)
    git(toy, "checkout", "-q", ".")
    judged(toy)
    assert not list((toy.parent / "report" / "head").iterdir())


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
