"""What a recorded proof lacks, and how later verdicts are added to it."""

from dataclasses import replace

from embedding_gate.register import live_tests
from embedding_gate.verdicts.diagnosis import Pattern, Red, Signature
from embedding_gate.verdicts.gate import check_name
from tests.faults.catalogue import FAULTS
from tests.faults.signatures import lacking, merged

CHECKS = frozenset(check_name(name) for name in live_tests())
WHOLE = {fault.name: Signature(fault.name, fault.cause, Pattern({}, CHECKS)) for fault in FAULTS}
ONE = next(fault.name for fault in FAULTS if fault.where == "out")


def test_nothing_lacks_where_every_check_gave_a_verdict() -> None:
    assert not any(lacking(WHOLE).values())
    assert ONE in lacking(WHOLE)


def test_a_fault_without_a_record_is_judged_by_all_checks() -> None:
    assert lacking({name: one for name, one in WHOLE.items() if name != ONE})[ONE] == []


def test_a_new_check_judges_the_known_faults() -> None:
    known = {name: replace(one, pattern=Pattern({}, CHECKS - {"norm"})) for name, one in WHOLE.items()}
    assert lacking(known)[ONE] == ["norm"]
    assert not any(fault.name in lacking(known) for fault in FAULTS if fault.where == "time")


def test_later_verdicts_are_added() -> None:
    before = Signature(ONE, "a cause", Pattern({"norm": Red(2.0), "parity": Red(1.0)}, frozenset({"finite"})))
    later = Signature(
        ONE, "a cause", Pattern({"finite": Red("NaN"), "parity": Red(3.0)}, frozenset({"repeated"}))
    )
    found = merged(before, later).pattern
    assert found.red == {"norm": Red(2.0), "parity": Red(3.0), "finite": Red("NaN")}
    assert found.green == {"repeated"}
    assert merged(None, later) == later
