"""Subjects outside of this repository, judged as a user has them judged."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from embedding_gate.own_files import ROOT
from tests.support.commands import pytest_run

MODEL = "--model=all-MiniLM-L6-v2"
WITHOUT = 24  # checks of a bare function that are not offered: docs/subjects.md
FEW = ("-k", "retrieval_parity or repeated")
CONFTEST = """
import pytest
from tests.support.library_subjects import {name}
pytest_plugins = ["embedding_gate.plugin"]
@pytest.fixture(scope="session")
def embedder():
    return {name}
"""


def judge(name: str, *words: str) -> subprocess.CompletedProcess[str]:
    return pytest_run("-m", "quality", MODEL, f"--subject=python:tests.support.{name}", *words)


def reds(output: str) -> set[str]:
    return set(re.findall(r"^  (\S.*?)  .*(?:FAIL|ERROR)$", output, re.MULTILINE))


def test_a_bare_function_is_green_and_what_it_lacks_is_said() -> None:
    done = judge("library_subjects:embed")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (
        f"library_subjects:embed): 50 checks passed, {WITHOUT} not offered, 1 not applicable" in done.stdout
    )
    assert re.search(r"not offered: [^()]*hidden state parity[^()]*\(needs\s+hidden states\)", done.stdout)
    assert "  subject: python:tests.support.library_subjects:embed, which claims to be all-" in done.stdout


def test_a_bare_function_with_a_fault_is_red_and_the_fault_is_named() -> None:
    done = judge("library_subjects:first_token", "-k", "topics_parity or pairs_parity or pooled or cohesion")
    assert done.returncode == 1, done.stdout
    assert {"topics parity", "pairs parity"} <= reds(done.stdout)
    assert re.search(r"looks like: .*first-token pooling \(pooling\)", done.stdout)


def test_an_object_with_embed_documents() -> None:
    """Queries go through embed_query, so its vectors are those of the parity of retrieval."""
    done = judge("library_subjects:Chain", *FEW)
    assert done.returncode == 0, done.stdout
    assert re.search(r"retrieval parity .*pass", done.stdout)


@pytest.mark.parametrize(
    ("name", "words", "came"),
    [
        ("dies", (), "ended (exit code 3): it said nothing; call it by hand with these texts"),
        (
            "hangs",
            ("--subject-timeout=10",),
            "gave no answer in 10 s; call it by hand with these texts, or give it",
        ),
    ],
)
def test_a_lost_subject_ends_the_run(name: str, words: tuple[str, ...], came: str) -> None:
    """One line, the table until then, exit code 1; no fault is guessed."""
    done = judge(f"subjects:{name}", "-k", "repeated or finite", *words)
    assert done.returncode == 1, done.stdout
    assert f"python:tests.support.subjects:{name}: was asked for 9 texts, the first 'anchor' and {came}" in (
        done.stdout
    )
    assert "embedding gate, A PART: 1 of " in done.stdout
    assert re.search(r"repeated .* ERROR", done.stdout)
    assert "the subject is lost: the checks after this one were not made" in done.stdout
    assert "looks like" not in done.stdout
    assert "Traceback" not in done.stdout


def test_garbage_is_an_error_of_each_check() -> None:
    done = judge("subjects:one_too_few", "-k", "repeated or finite")
    assert done.returncode == 1, done.stdout
    assert reds(done.stdout) == {"repeated", "finite"}
    assert "was asked for 9 texts, the first 'anchor' and gave 8 vectors; return one vector" in done.stdout


def test_a_subject_that_cannot_be_opened_is_a_mistake() -> None:
    done = judge("subjects:ragged_from_the_start")
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "cannot be opened: AttributeError" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("required", ["token ids", "tokens"])
def test_what_is_required_and_not_offered_is_red(required: str) -> None:
    done = judge("library_subjects:embed", "-k", "token_ids or repeated", f"--require={required},repeated")
    assert done.returncode == 1, done.stdout
    assert reds(done.stdout) == {"token ids"}
    assert "required (--require), but not judged; needs tokens" in done.stdout


def test_what_is_required_and_is_about_something_else_is_red() -> None:
    """No check of this run is about it: of a function there is no endpoint to judge."""
    done = judge("library_subjects:embed", "-k", "repeated", "--require=endpoint,repeated")
    assert done.returncode == 1, done.stdout
    assert "FAIL: required (--require), but not judged: endpoint of all-MiniLM-L6-v2" in done.stdout
    assert reds(done.stdout) == set()


def elsewhere(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run the tests of another repository."""
    (folder / "test_quality.py").write_text("from embedding_gate.suite import *\n")
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-m", "quality", *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(("name", "code"), [("embed", 0), ("first_token", 1)])
def test_a_fixture_of_another_repository(name: str, code: int, tmp_path: Path) -> None:
    """What it returns is judged, in the process of pytest, and the gate's own library is not."""
    (tmp_path / "conftest.py").write_text(CONFTEST.format(name=name))
    done = elsewhere(tmp_path, MODEL, "-k", "pairs_parity or side_effects or new_process")
    assert done.returncode == code, done.stdout + done.stderr
    assert re.search(rf"  pairs parity .* {'FAIL' if code else 'pass'}", done.stdout)
    assert re.search(r"no side effects .* pass", done.stdout)
    assert re.search(r"not offered: [^()]*new process", done.stdout)
    assert "subject: embedder function, which claims to be all-MiniLM-L6-v2" in done.stdout


def test_a_fixture_that_claims_to_be_no_model(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text(CONFTEST.format(name="embed"))
    done = elsewhere(tmp_path, *FEW)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "the fixture embedder: does not say which model it claims to be; name it: --model" in done.stdout


def test_the_configuration_of_another_repository(tmp_path: Path) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["embedding_gate.plugin"]\n')
    (tmp_path / "mine.py").write_text("from tests.support.library_subjects import embed\n")
    require = "embedding_gate_require =\n    repeated\n    tokens\n"
    (tmp_path / "pytest.ini").write_text(f"[pytest]\nembedding_gate_subject = python:mine:embed\n{require}")
    done = elsewhere(tmp_path, MODEL, "-k", "token_ids or repeated")
    assert done.returncode == 1, done.stdout + done.stderr
    assert reds(done.stdout) == {"token ids"}
    assert "subject: python:mine:embed, which claims to be" in done.stdout
