"""All checks of a function from texts to vectors: those that are made, and those that are not offered."""

from embedding_gate import register, session
from embedding_gate.subjects.offers import needed
from embedding_gate.verdicts.gate import check_name
from embedding_gate.verdicts.table import gate_table
from tests.embedding_gate.test_offers import MODEL, TESTS, bare
from tests.faults.matrix import BARE


def test_every_check_of_a_bare_function_is_made_or_is_not_offered() -> None:
    """A check that asks for more than it says that it needs is an error here: nothing takes its place."""
    subject = bare()
    gate = session.open_gate(subject)
    session.run_gate(subject, gate)
    assert gate.red == []
    assert gate.claims == {check_name(name) for name in register.live_tests()}
    lacking = {verdict.check for verdict in gate.verdicts if verdict.outcome == "not offered"}
    assert lacking == {check_name(name) for name, test in TESTS.items() if needed(test) - BARE}
    assert len(gate.claims) - len(lacking) > 30
    assert gate.unread == []
    assert f", {len(lacking)} not offered, " in gate_table(gate, MODEL)[0]
