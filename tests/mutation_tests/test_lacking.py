"""What a recorded proof lacks, and how later verdicts are added to it."""

from dataclasses import replace

from embedding_gate.register import live_tests
from embedding_gate.verdicts.diagnosis import Pattern, Red, Signature
from embedding_gate.verdicts.gate import check_name
from tests.faults.catalogue import BY_NAME, FAULTS
from tests.faults.signatures import judged_by_all, lacking, lacking_killers, merged

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


def test_named_checks_that_gave_no_verdict() -> None:
    killers = list(BY_NAME[ONE].killers)
    assert ONE not in lacking_killers(WHOLE)
    assert lacking_killers({name: one for name, one in WHOLE.items() if name != ONE})[ONE] == killers
    few = replace(WHOLE[ONE], pattern=Pattern({}, CHECKS - set(killers[:1])))
    assert lacking_killers({**WHOLE, ONE: few})[ONE] == killers[:1]


def test_a_record_of_named_checks_alone_is_told_apart() -> None:
    few = replace(WHOLE[ONE], pattern=Pattern(dict.fromkeys(BY_NAME[ONE].killers, Red(1.0)), frozenset()))
    assert judged_by_all([WHOLE[ONE], few]) == [WHOLE[ONE]]
