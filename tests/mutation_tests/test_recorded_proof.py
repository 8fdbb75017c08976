"""Statistics of the catalogue, on the recorded proof: the same on every machine."""

import pytest

from embedding_gate import own_files
from embedding_gate.verdicts.diagnosis import Signature, read_signatures
from tests.faults.catalogue import FAULTS, Fault
from tests.faults.matrix import BARE
from tests.faults.power import all_checks, rows_of, single_checks
from tests.faults.signatures import PROOF, as_outcome, judged_by_all, named, out_of_date, seen
from tests.faults.tables import STANDS

SHARE = 0.8  # of the faults, among the first three named


@pytest.fixture(scope="module")
def recorded() -> list[Signature]:
    """What the gate said of every fault, on the texts that the proof judges."""
    return read_signatures(PROOF)


def test_it_has_every_fault(recorded: list[Signature]) -> None:
    assert out_of_date(recorded) == []


def test_every_check_is_named_for_a_fault() -> None:
    """A check that no fault must turn red might as well not be there; the proof asks for each of these."""
    assert set(all_checks()) == {check for fault in FAULTS for check in fault.killers}


@pytest.mark.parametrize("known", FAULTS, ids=lambda fault: fault.name)
def test_each_fault_was_killed(recorded: list[Signature], known: Fault) -> None:
    (found,) = (one for one in recorded if one.name == known.name)
    assert set(known.killers) <= found.pattern.red.keys()


def test_every_check_is_needed(recorded: list[Signature]) -> None:
    """Without it a fault survives that no other check kills, or a line says why it stays."""
    rows = rows_of(map(as_outcome, recorded))
    idle = {one.name for one in single_checks(rows) if not (one.alone or one.alone_without_goldens)}
    assert idle <= STANDS.keys()


def test_many_faults_were_judged_by_all_checks(recorded: list[Signature]) -> None:
    """The shares below are of these."""
    assert len(judged_by_all(recorded)) >= 282


@pytest.mark.parametrize("left_out", [False, True], ids=["the fault", "its cause, the fault left out"])
def test_likely_faults_are_named(recorded: list[Signature], *, left_out: bool) -> None:
    """The signatures were recorded on other texts than the faults were judged on."""
    found = named(judged_by_all(recorded), read_signatures(own_files.SIGNATURES), left_out=left_out)
    assert found.share >= SHARE, "\n".join(found.lines)


def test_likely_faults_are_named_where_vectors_alone_are_seen(recorded: list[Signature]) -> None:
    """Of a function the gate makes fewer checks. What these say is compared with the same signatures."""
    runs = seen(judged_by_all(recorded), BARE)
    assert not any({"hidden state parity", "weights", "cached"} & run.pattern.red.keys() for run in runs)
    found = named(runs, read_signatures(own_files.SIGNATURES), left_out=False)
    assert found.share >= SHARE, "\n".join(found.lines)
