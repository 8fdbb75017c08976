"""The catalogue of a server's faults: every check has one, and the document lists them all."""

import re
from collections import Counter

from embedding_gate.own_files import ROOT
from embedding_gate.register import endpoint_tests
from embedding_gate.verdicts.gate import check_name
from tests.faults.endpoints import BENIGN, FAULTS

CHECKS = {check_name(name) for name in endpoint_tests()}


def test_every_check_has_a_fault_and_every_fault_a_source() -> None:
    killed = Counter(fault.killer for fault in FAULTS)
    assert killed.keys() == CHECKS
    assert len(FAULTS) >= 25
    assert len({fault.name for fault in FAULTS + BENIGN}) == len(FAULTS + BENIGN)
    assert all(re.fullmatch(r"https://github\.com/[\w.-]+/[\w.-]+/issues/\d+", one.source) for one in FAULTS)


def test_the_document_lists_checks_and_faults() -> None:
    document = (ROOT / "docs/endpoints.md").read_text(encoding="utf-8")
    assert [check for check in CHECKS if f"\n| {check} | " not in document] == []
    assert [
        one.name for one in FAULTS if f"| {one.name} | " not in document or one.source not in document
    ] == []
