"""The wheel, away from this checkout: the command, and a repository that takes the checks over."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT

MEGABYTES = 30
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
CONFTEST = 'pytest_plugins = ["embedding_gate.plugin"]\n'
TESTS = "from embedding_gate.suite import *  # noqa: F403\n"
FAULT = """
from embeddings import pooling
pooling.POOLINGS = dict.fromkeys(pooling.POOLINGS, lambda hidden, lengths: hidden[:, 0])
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that holds what the wheel installs, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [*PIP, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    assert wheel.stat().st_size < MEGABYTES * 1e6
    target = folder / "with a space"
    subprocess.run([*PIP, "install", "--no-deps", "--target", str(target), str(wheel)], check=True)
    return target


def run(site: Path, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder, with the wheel's packages, without git and without HOME."""
    path = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep) if not Path(part, "git").exists()
    )
    return subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={"PYTHONPATH": str(site), "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_command_judges_from_an_empty_folder(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "-m", "embedding_gate", "-k", "norm or token_ids")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all-MiniLM-L6-v2: 4 checks passed" in done.stdout
    assert [*tmp_path.iterdir()] == []


def test_a_value_may_follow_after_a_space(site: Path, tmp_path: Path) -> None:
    """And a path outside the working folder does not change what is run."""
    texts = site / "embedding_gate" / "fixtures" / "topics.jsonl"
    words = ("--topics", str(texts), "--model", "all-MiniLM-L6-v2", "-k", "mean_norm")
    done = run(site, tmp_path, "-m", "embedding_gate", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all-MiniLM-L6-v2: 1 checks passed" in done.stdout


def test_a_wrong_model_is_one_line(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "-m", "embedding_gate", "no-such-model")
    assert done.returncode == 4
    (line,) = done.stderr.strip().splitlines()
    assert "no-such-model: neither a known model nor a folder" in line


@pytest.mark.parametrize("fault", ["", FAULT], ids=["as it is", "first-token pooling"])
def test_another_repository_takes_the_checks_over(site: Path, tmp_path: Path, fault: str) -> None:
    """Two files of one line each; with a fault in the library it is red, and the fault is named."""
    (tmp_path / "conftest.py").write_text(CONFTEST + fault, encoding="utf-8")
    (tmp_path / "test_embeddings.py").write_text(TESTS, encoding="utf-8")
    done = run(site, tmp_path, "-m", "pytest", "-m", "quality", "-k", "parity or topic or cohesion")
    assert done.returncode == bool(fault), done.stdout + done.stderr
    assert ("first-token pooling (pooling)" in done.stdout) is bool(fault)
