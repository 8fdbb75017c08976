"""Each promise of SECURITY.md names tests that exist."""

import re

import pytest

from embedding_gate.own_files import ROOT

TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
TESTS = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", TEXT)))


@pytest.mark.parametrize(("file", "name"), TESTS, ids=[name for _, name in TESTS])
def test_a_promise_has_its_test(file: str, name: str) -> None:
    assert f"\ndef {name}(" in (ROOT / file).read_text(encoding="utf-8")


def test_each_row_names_one() -> None:
    rows = [line for line in TEXT.splitlines() if line.startswith("| ") and line != "| promise | test |"]
    assert len(rows) == 14
    assert all(re.search(r"`tests/[\w/]+\.py::test_\w+`", row) for row in rows)
