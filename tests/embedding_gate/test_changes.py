"""What a pull request changes of the judge, and what a person approves."""

from pathlib import Path

import pytest

from embedding_gate.git import git
from embedding_gate.own_files import ROOT
from embedding_gate.pull_request.__main__ import arguments
from embedding_gate.pull_request.changes import Change, approves, digest_of, moved_by, printable
from embedding_gate.pull_request.roles import ROLES, listed, role

UNUSED = {"docs/"}  # for what is to come


def test_every_file_is_judged_or_judge_or_neither() -> None:
    paths = git(ROOT, "ls-files").decode().splitlines()
    assert [path for path in paths if listed(path) is None] == []
    assert {entry for entry in ROLES if not any(listed(path) == entry for path in paths)} <= UNUSED


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("embeddings/pooling.py", "judged"),
        ("embedding_gate/verdicts/gate.py", "judge"),
        ("Embedding_gate/verdicts/gate.py", "judge"),  # the same folder on macOS
        ("EMBEDDINGS/conftest.py", "judge"),
        ("embeddings/\u0435valuation/gate.py", "judge"),  # a letter of another script
        ("embeddings_evil.py", "judge"),
        ("embeddings/conftest.py", "judge"),
        ("sitecustomize.py", "judge"),
        ("pytest.ini", "judge"),
        ("README.md", "neither"),
        ("benchmarks/results/h100.json", "neither"),
    ],
)
def test_roles(path: str, expected: str) -> None:
    assert role(path) == expected


def test_approved_words_are_whole_digests() -> None:
    digest = "ab" * 32
    assert approves(digest, digest)
    assert not any(approves(words, digest) for words in ("", digest[:31], digest + "0", "judge:"))


def test_paths_are_those_of_whoever_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    given = ["--base", "HEAD", "--model=mine", "--sts=none.tsv", "--device=cpu"]
    assert arguments(given)[1] == [f"--model={tmp_path / 'mine'}", "--sts=none.tsv", "--device=cpu"]


def test_what_moved() -> None:
    threshold = '[[threshold]]\ncheck = "a"\nmodel = "m"\nat_most = 1\nsource = "x"\n'
    lines = moved_by(
        [
            Change("fixtures/thresholds.toml", threshold.encode(), threshold.replace('"a"', '"b"').encode()),
            Change("fixtures/thresholds.toml", threshold.encode(), threshold.replace("x", "y").encode()),
            Change("fixtures/thresholds.toml", threshold.encode(), b"[[threshold"),
            Change("fixtures/golden/m.safetensors", b"\xff\x00", b"\xff"),
            Change("tests/a.py", None, b"1\n2\n"),
        ]
    )
    assert lines[:5] == [
        "fixtures/thresholds.toml: changed, +1 -1 lines",
        "fixtures/thresholds.toml: a (m): at_most 1 -> removed",
        "fixtures/thresholds.toml: b (m): none -> at_most 1",
        "fixtures/thresholds.toml: changed, +1 -1 lines",
        "fixtures/thresholds.toml: a (m): another source",
    ]
    assert "cannot be compared threshold by threshold" in lines[6]
    assert lines[7:] == [
        "fixtures/golden/m.safetensors: changed, 2 -> 1 bytes",
        "tests/a.py: added, +2 -0 lines",
    ]


def test_no_name_can_pass_for_a_line_of_the_log() -> None:
    assert printable("a##[add-mask]FAIL") == "a## [add-mask]FAIL"
    threshold = b'[[threshold]]\ncheck = "a\\n::error::b"\nmodel = "m"\nat_most = 1\n'
    lines = moved_by(
        [Change("fixtures/thresholds.toml", b"", threshold), Change("tests/\udcff\n::x", None, b"")]
    )
    assert [line for line in lines if not line.isprintable()] == []
    assert lines[1:] == [
        "fixtures/thresholds.toml: a\\n::error::b (m): none -> at_most 1",
        "tests/\\udcff\\n::x: added, +0 -0 lines",
    ]


def test_digest_is_of_files_and_verdict() -> None:
    one = Change("a", b"1", b"2")
    others = [Change("a", b"1", b"3"), Change("a", b"0", b"2"), Change("b", b"1", b"2")]
    library, tests = {"embeddings/a.py": b"1"}, {"tests/a.py": b"1"}
    digests = {digest_of([change], "base", "pass", {}) for change in (one, *others)}
    digests |= {digest_of([one], "base", "fail", tree) for tree in ({}, library)}
    digests |= {digest_of([one], "another base", "pass", {})}
    assert len(digests) == 7
    assert digest_of([one], "base", "pass", library) in digests
    assert digest_of([one], "base", "fail", library | tests) in digests
