"""A repository with a tiny gate that runs in half a second. The tests of the pull request judge it."""

import json
from pathlib import Path
from typing import Any

from embedding_gate.git import git as run_git
from embedding_gate.pull_request.__main__ import main
from embedding_gate.report.record import as_json, make_record, model_as_data
from embedding_gate.report.vectors import NOTHING
from embedding_gate.verdicts.gate import Gate

MADE = {
    "when": "2026-01-01T00:00:00Z",
    "version": "0",
    "revision": None,
    "changed": None,
    "python": "3",
    "mlx": "0",
    "device": "cpu",
    "machine": "a toy",
    "cores": 1,
    "command": "pytest",
}

CONFTEST = """
import json, os
from pathlib import Path
import pytest, tomllib
import embeddings

ROOT = Path(__file__).parent

def pytest_addoption(parser):
    for name in ("--report", "--model", "--baseline"):
        parser.addoption(name)

@pytest.fixture
def subject():
    return embeddings.encode()

VERDICTS = []

@pytest.fixture
def gate(request):
    check = request.node.name.removeprefix("test_")
    def require(measured):
        thresholds = tomllib.loads((ROOT / "fixtures/thresholds.toml").read_text())["threshold"]
        threshold = next(threshold["at_most"] for threshold in thresholds if check in threshold["check"])
        VERDICTS.append({"check": check, "measured": measured, "required": f"<= {threshold}", "margin": 1.0,
            "outcome": "pass" if measured <= threshold else "FAIL", "evidence": "", "red": measured >
            threshold})
        assert measured <= threshold
    return require

@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session):
    record = json.loads((ROOT / "tests/record.json").read_text())
    record["models"][0]["verdicts"] = VERDICTS
    record["models"][0]["asked_for"] = str(session.config.getoption("model"))
    record["made"]["machine"] = " ".join(sorted(os.environ))
    record["verdict"] = "fail" if session.exitstatus else "pass"
    record["reasons"] = [f"toy: {one['check']}: measured {one['measured']}" for one in VERDICTS if one["red"]]
    if not VERDICTS:
        record["models"] = []
    if not session.config.getoption("report"):
        return
    folder = Path(session.config.getoption("report"))
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(record))
"""

FILES = {
    "embeddings/__init__.py": "def encode():\n    return 1.0\n",
    "embeddings/catalog.py": 'DEFAULT_MODEL = "toy"\n',
    "embedding_gate/__init__.py": "",
    "embedding_gate/verdicts/__init__.py": "",
    "conftest.py": CONFTEST,
    "pyproject.toml": '[project]\nname = "toy"\n[tool.pytest.ini_options]\nmarkers = ["quality: the gate"]\n',
    "fixtures/thresholds.toml": '[[threshold]]\ncheck = ["parity", "norm"]\nmodel = "toy"\nat_most = 2.0\n',
    "tests/quality/test_toy.py": (
        "import pytest\n\npytestmark = pytest.mark.quality\n\n\n"
        "def test_parity(subject, gate):\n    gate(subject)\n\n\n"
        "def test_norm(subject, gate):\n    gate(subject / 2)\n"
    ),
}


WORSE = {"embeddings/__init__.py": "def encode():\n    return 3.0\n"}
WIDER = {"fixtures/thresholds.toml": FILES["fixtures/thresholds.toml"].replace("2.0", "9.0")}
HARMLESS = "\ndef encode():\n    return 1.0\n"


def git(folder: Path, *words: str) -> None:
    """Run git in the repository, with a made-up user."""
    who = ("-c", "user.name=a", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main")
    run_git(folder, *who, *words)


def edit(folder: Path, files: dict[str, str]) -> None:
    """Write files into a work tree."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def make_toy(folder: Path) -> Path:
    """Make the repository with one commit, and return its root."""
    model = model_as_data(
        Gate("toy", {}),
        NOTHING,
        asked_for="toy",
        recipe="declared",
        precision="float32",
        looks_like=["looks like: mean of all tokens (pooling)"],
        notes=[],
        threshold_lines={"parity": "fixtures/thresholds.toml:1"},
        part=None,
    )
    record = make_record(MADE, [{"models": [model]}], passed=True)
    folder.mkdir()
    edit(folder, {**FILES, "tests/record.json": as_json(record)})
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "base")
    return folder


def judged(toy: Path, *options: str) -> dict[str, Any]:
    """Judge the work tree of the toy repository against its commit, and return the record."""
    report = toy.parent / "report"
    status = main(["--base", "HEAD", "--head", str(toy), "--report", str(report), *options], toy)
    record = json.loads((report / "report.json").read_text())
    assert (status == 0) == (record["verdict"] == "pass")
    assert isinstance(record, dict)
    return record
