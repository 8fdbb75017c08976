"""What GitHub is shown of a report, with the variables that it sets; and the workflow that shows it."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from embedding_gate.own_files import ROOT
from embedding_gate.pull_request import github
from embedding_gate.report.record import as_json, make_record, model_as_data
from embedding_gate.report.schema.record import Record
from embedding_gate.report.vectors import NOTHING
from embedding_gate.verdicts.gate import Gate
from tests.support.records import a_comparison
from tests.support.toy_gate import MADE

JUDGE = {
    "base": "ab" * 20,
    "changed": ["fixtures/thresholds.toml"],
    "moved": ["fixtures/thresholds.toml: parity (toy): at_most 2.0 -> 9.0"],
    "digest": "cd" * 32,
    "approved": False,
    "base_verdict": "fail",
    "head_verdict": "pass",
}


def verdict(check: str, **others: Any) -> dict[str, Any]:
    return {
        "check": check,
        "measured": 0.25,
        "required": "<= 2e-06",
        "margin": 0.1,
        "outcome": "FAIL",
        "evidence": "",
        "red": True,
        **others,
    }


def record(*verdicts: dict[str, Any], **others: Any) -> Record:
    model = model_as_data(
        Gate("all-MiniLM-L6-v2", {}),
        NOTHING,
        asked_for="all-MiniLM-L6-v2",
        recipe="declared",
        precision="float32",
        looks_like=["looks like: first-token pooling (pooling)"],
        notes=[],
        threshold_lines={"parity": "fixtures/thresholds.toml:43"},
        part=None,
    ) | {"verdicts": list(verdicts)}
    reasons = [f"{one['check']} is red" for one in verdicts if one["red"]]
    return make_record(MADE, [{"models": [model], "reasons": reasons, **others}], passed=not reasons)


def test_a_red_check_stands_on_the_line_of_its_threshold() -> None:
    assert github.annotations(record(verdict("parity"))) == [
        "::error file=fixtures/thresholds.toml,line=43,title=parity::all-MiniLM-L6-v2: measured 0.25, "
        "required <= 2e-06%0Alooks like: first-token pooling (pooling)"
    ]


def test_a_slower_benchmark_stands_on_its_threshold(tmp_path: Path) -> None:
    """On its own where it has one, else on that of all; a broken one too, and none that is as fast."""
    found = record(against=a_comparison())
    (tmp_path / "fixtures").mkdir()
    (tmp_path / "fixtures" / "against.toml").write_text('default = 0.1\n[thresholds]\n"one text" = 0.05\n')
    assert github.annotations(found, tmp_path) == [
        "::error file=fixtures/against.toml,line=3,title=one text::time over the other's 1.2 (1.18 to 1.23), "
        "at most 1.1; slower",
        "::error file=fixtures/against.toml,line=1,title=cached::time over the other's nothing (nothing to "
        "nothing), at most 1.1; no round was timed",
    ]
    assert found.against
    for row in found.against.rows:
        row.outcome = "pass"
    assert github.annotations(found) == []


def test_a_text_stands_on_its_line() -> None:
    lines = github.annotations(record(verdict("parity", evidence="worst: format-19")))
    (found,) = (line for line in lines if line.startswith("::warning"))
    number = int(re.findall(r"line=(\d+)", found)[0])
    texts = (ROOT / "fixtures" / "texts.jsonl").read_text(encoding="utf-8").split("\n")
    assert json.loads(texts[number - 1])["id"] == "format-19"
    assert "file=fixtures/texts.jsonl," in found


def test_a_damaged_fixture_stands_on_its_line() -> None:
    one = replace(record(), reasons=["fixtures/pairs.jsonl, line 7: no score; add it"], verdict="fail")
    assert github.annotations(one)[0].startswith("::error file=fixtures/pairs.jsonl,line=7,title=fixture::")


def test_what_a_head_says_cannot_be_a_command() -> None:
    (line,) = github.annotations(record(verdict("a: b, c\n::x", evidence="100%\r\n::error::y")))
    assert not {"\n", "\r"} & set(line)
    assert line.startswith("::error title=a%3A b%2C c%0A%3A%3Ax::")
    assert "100%25%0D%0A::error::y" in line


def test_at_most_ten_of_a_kind() -> None:
    lines = github.annotations(record(*(verdict(f"check {n}") for n in range(12))))
    assert len(lines) == 10
    assert lines[-1] == "::error title=and more::3 more are in the summary of the job"
    assert len(github.annotations(record(*(verdict(f"check {n}") for n in range(10))))) == 10


def test_the_judge_comes_first() -> None:
    lines = github.annotations(record(verdict("parity"), judge=JUDGE))
    assert lines[0].startswith(
        "::error file=fixtures/thresholds.toml,title=the judge changed::approve exactly"
    )
    assert "at_most 2.0 -> 9.0" in lines[0]
    assert not any(
        "the judge" in line for line in github.annotations(record(judge=JUDGE | {"approved": True}))
    )


def test_summary_names_check_measured_required_and_fault() -> None:
    text = github.summary(record(verdict("parity", evidence="<b>|x|"), judge=JUDGE), "# The page")
    assert text.startswith("## FAIL: embedding gate\n")
    assert "| parity | 0.25 | &lt;= 2e-06 | FAIL | &lt;b>\\|x\\| |" in text
    assert "looks like: first-token pooling (pooling)" in text
    assert "**The judge changed: NOT APPROVED.**" in text
    assert text.endswith("# The page\n")
    assert github.summary(record()).startswith("## pass: embedding gate\n")


@pytest.mark.parametrize("letter", ["a", "\u20ac"])
def test_summary_is_cut_below_its_limit(letter: str) -> None:
    page = "\n".join([letter * 999] * 1200)
    text = github.summary(record(), page)
    assert len(text.encode()) < github.LIMIT
    assert text.endswith(github.CUT)
    assert github.summary(record(), page[: 900_000 // len(letter.encode())]).endswith(f"{letter}\n")


def run(path: Path, folder: Path) -> tuple[int, str]:
    variables = {"GITHUB_STEP_SUMMARY": str(folder / "summary"), "GITHUB_OUTPUT": str(folder / "output")}
    done = subprocess.run(
        [sys.executable, "-m", "embedding_gate.pull_request.github", str(path)],
        cwd=ROOT,
        env={**variables, "GITHUB_ACTIONS": "true", "PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_entry_point_with_the_variables_of_github(tmp_path: Path) -> None:
    (tmp_path / "output").write_text("before=1\n")
    (tmp_path / "report.json").write_text(as_json(record(verdict("parity"), judge=JUDGE)))
    (tmp_path / "report.md").write_text("# The page\n")
    status, out = run(tmp_path / "report.json", tmp_path)
    assert status == 0
    assert [line.partition(" ")[0] for line in out.splitlines()] == ["::error", "::error"]
    assert (tmp_path / "output").read_text() == f"before=1\nverdict=fail\ndigest={JUDGE['digest']}\n"
    assert (tmp_path / "summary").read_text().endswith("# The page\n")


def test_no_report_is_one_annotation(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{")
    for name in ("nothing.json", "report.json"):
        status, out = run(tmp_path / name, tmp_path)
        assert status == 2
        assert re.fullmatch(r"::error title=gate::.*\n", out)


WORKFLOWS = [ROOT / "action.yml", *sorted((ROOT / ".github" / "workflows").glob("*.yml"))]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_inputs_are_no_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert used
    for action, comment in used:
        assert action == "./base" or (re.search(r"@[0-9a-f]{40}$", action) and re.match(r" # v\d", comment))
    for script in re.findall(r"run: \|\n((?: {8,}.*\n|\n)+)|run: (.*)\n", text):
        assert "${{" not in "".join(script)
    assert not re.search(r"secrets\.|pull_request_target|: write", text)


@pytest.mark.parametrize("path", WORKFLOWS[1:], ids=lambda path: path.name)
def test_a_workflow_may_only_read(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.search(r"^permissions:\n  contents: read\n\w", text, re.MULTILINE)
    assert text.count("uses: actions/checkout") == text.count("persist-credentials: false") > 0


@pytest.mark.parametrize(
    ("inputs", "expected"),
    [
        (
            {"MODEL": "models/mine", "ARGUMENTS": "--device=cpu -x"},
            "9 -m pytest -m quality --report=R --junitxml=R/junit.xml --device=cpu -x --model=W/models/mine",
        ),
        (
            {"MODEL": "$(touch no)"},
            "7 -m pytest -m quality --report=R --junitxml=R/junit.xml --model=$(touch no)",
        ),
        (
            {"BASE": "HEAD", "HEAD": "head", "APPROVE": "bug judge:ab"},
            "7 -m embedding_gate.pull_request --base=HEAD --head=W/head --python=P "
            "--approve=bug judge:ab --report=R",
        ),
    ],
)
def test_the_step_that_runs_the_gate(tmp_path: Path, inputs: dict[str, str], expected: str) -> None:
    """Run it as GitHub does, with a Python that only prints what it is asked."""
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text('#!/bin/sh\nprintf "%s " "$#" "$@"\n')
    python.chmod(0o755)
    (tmp_path / "models" / "mine").mkdir(parents=True)
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    script = next(
        one for one in re.findall(r"run: \|\n((?: {8}.*\n)+)", text) if "embedding_gate.pull_request" in one
    )
    empty = dict.fromkeys(("MODEL", "BASE", "HEAD", "ARGUMENTS", "APPROVE"), "")
    given = {
        "GITHUB_WORKSPACE": str(tmp_path),
        "GITHUB_ACTION_PATH": str(tmp_path),
        "PYTHON": "P",
        "REPORT": "R",
    }
    done = subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
        env={**empty, **given, **inputs},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.strip().replace(str(tmp_path), "W") == expected
    assert not (tmp_path / "no").exists()
