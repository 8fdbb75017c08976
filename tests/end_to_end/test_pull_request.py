"""A pull request is judged by its base."""

from pathlib import Path

import pytest

from tests.support.toy_gate import FILES, HARMLESS, WIDER, WORSE, edit, git, judged


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


def test_the_default_model_is_read_with_its_type_too(toy: Path) -> None:
    edit(toy, {"embeddings/catalog.py": 'DEFAULT_MODEL: str = "toy"\n'})
    git(toy, "commit", "-qam", "typed")
    edit(toy, {"embeddings/catalog.py": 'DEFAULT_MODEL: str = "another"\n'})
    assert judged(toy)["models"][0]["asked_for"] == "toy"


def test_tests_that_cannot_be_read_are_red_and_no_traceback(toy: Path) -> None:
    edit(toy, {"tests/quality/test_toy.py": "def test_norm(:\n"})
    record = judged(toy)
    assert (record["judge"]["base_verdict"], record["judge"]["head_verdict"]) == ("pass", "fail")


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


def test_a_report_of_a_judge_that_did_not_change_keeps_no_other(toy: Path) -> None:
    edit(toy, WIDER)
    judged(toy)
    git(toy, "checkout", "-q", ".")
    judged(toy)
    assert not list((toy.parent / "report" / "head").iterdir())
