"""Subjects made by others (make subjects): environments, adapters, documents, and the line of each.

Nothing is installed and nothing is judged here.
"""

import re

import msgspec
import pytest

from embedding_gate.own_files import ROOT
from embedding_gate.report.schema.models import Verdict
from tests.subjects.__main__ import HERE, command, main, reals, requirements, row

DOCUMENT = (ROOT / "docs" / "subjects.md").read_text(encoding="utf-8")
PINNED = re.compile(r"[\w.-]+(\[[\w,]+\])?==[\w.]+")
NAMES = sorted(reals())


def verdict(check: str, outcome: str) -> Verdict:
    data = {
        "check": check,
        "measured": 0,
        "required": "<= 0",
        "margin": 1,
        "outcome": outcome,
        "evidence": "",
    }
    return msgspec.convert({**data, "red": outcome in ("FAIL", "ERROR")}, Verdict)


def line(*verdicts: Verdict, expected: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the line of a subject without its name and versions."""
    return row("infinity-emb", verdicts, frozenset(expected))[2:]


def test_each_subject_has_an_environment_and_each_environment_a_subject() -> None:
    assert sorted(path.stem for path in (HERE / "requirements").glob("*.txt")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_versions_are_pinned(name: str) -> None:
    assert [one for one in requirements(name) if not PINNED.fullmatch(one)] == []


@pytest.mark.parametrize("name", NAMES)
def test_an_adapter_has_ten_lines_at_most(name: str) -> None:
    if not (found := re.match(r"python:(examples\.[\w.]+):", reals()[name].subject)):
        return
    path = ROOT.joinpath(*found[1].split(".")).with_suffix(".py")
    code = [text for text in path.read_text(encoding="utf-8").splitlines() if text and text[0] not in '"#']
    assert len(code) <= 10


@pytest.mark.parametrize("name", NAMES)
def test_the_document_says_the_version_and_what_is_red(name: str) -> None:
    ((version, red),) = re.findall(
        rf"^\| {re.escape(name)} \| ([\d.]+) \|.*\| *(.*?) \|$", DOCUMENT, re.MULTILINE
    )
    assert version == requirements(name)[0].partition("==")[2]
    assert set(filter(None, red.split(", "))) == reals()[name].red


def test_the_workflow_judges_each() -> None:
    workflow = (ROOT / ".github" / "workflows" / "subjects.yml").read_text(encoding="utf-8")
    assert sorted(re.findall(r"SUBJECTS=([\w-]+)", workflow)) == NAMES


def test_a_name_of_no_subject_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["subjects", "none", NAMES[0]])
    with pytest.raises(SystemExit, match=r"^none: no such subject; name some of sentence-transformers"):
        main()


def test_a_command_is_of_the_subjects_environment() -> None:
    assert command(["serve", "--port={port}"], HERE, {"port": 7}) == [str(HERE / "serve"), "--port=7"]


def test_the_line_of_a_subject() -> None:
    good, bad, left = (
        verdict("norm", "pass"),
        verdict("usage: a part", "FAIL"),
        verdict("cached", "not offered"),
    )
    assert line(good, left, verdict("long reach", "not applicable")) == ("1", "0", "1", "1", "pass")
    assert line(good, bad, expected=("usage",)) == ("1", "1", "0", "0", "as expected")
    assert line(good, bad)[-1] == "not as expected: usage"
    assert line(good, expected=("usage",))[-1] == "not as expected: usage"
    assert row("infinity-emb", None, frozenset())[-1] == "not opened"
