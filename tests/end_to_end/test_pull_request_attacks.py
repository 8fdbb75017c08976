"""A pull request cannot move its own goalposts, and a run is told nothing and obeyed in nothing."""

import json
import re
from pathlib import Path

import pytest

from embedding_gate.errors import InputError
from embedding_gate.git import commit_of
from embedding_gate.pull_request.__main__ import main
from embedding_gate.pull_request.changes import changes_of
from embedding_gate.pull_request.files import read_commit, read_work_tree
from tests.support.toy_gate import FILES, HARMLESS, WORSE, edit, git, judged

SAYS = "import atexit, os\natexit.register(os.write, 1, b'::error::no\\n')\n"
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


def test_a_link_is_not_followed(toy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (toy / "embeddings" / "more.py").symlink_to(toy / "conftest.py")
    assert main(["--base", "HEAD", "--head", str(toy)], toy) == 2
    assert "embeddings/more.py: is no plain file, and cannot be judged" in capsys.readouterr().err
    (toy / "embeddings" / "more.py").unlink()
    (toy / "fixtures" / "thresholds.toml").unlink()
    (toy / "fixtures" / "thresholds.toml").symlink_to(toy / "conftest.py")
    assert judged(toy)["judge"]["changed"] == ["fixtures/thresholds.toml"]


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
