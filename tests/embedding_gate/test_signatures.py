"""The signatures of the known faults: their file, what they are of, and what they are recorded on."""

import math
from pathlib import Path

import pytest

from embedding_gate import adapter, own_files, session
from embedding_gate.ending import red_of_contract
from embedding_gate.errors import FixtureError
from embedding_gate.verdicts.diagnosis import (
    Pattern,
    Red,
    Signature,
    as_json,
    read_signatures,
)
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict
from tests.faults.catalogue import BY_NAME, FAULTS
from tests.faults.signatures import named, out_of_date
from tests.faults.slices import slice_of
from tests.support.verdicts import green, red, signature


def test_signatures_are_written_and_read(tmp_path: Path) -> None:
    """What is read is what was written, to a tenth of a decade; whatever their order, the same bytes."""
    nan = Verdict("norm", math.nan, "<= 1", 0.0, "FAIL")
    some = [
        signature("b", red("parity", 10**-4.26, "worst: word-01"), green("finite"), nan),
        signature("a", green("parity"), cause="z"),
        signature("c", Verdict("finite", math.nan, "<= 1", 0.0, "ERROR", "no")),
    ]
    path = tmp_path / "signatures.json"
    path.write_text(as_json(some))
    some[0] = signature("b", nan, red("parity", 10**-4.26, "worst: word-01"), green("finite"))
    assert as_json(read_signatures(path)) == as_json(some[::-1]) == path.read_text()
    one, _, other = read_signatures(path)
    assert one == Signature(
        "b",
        "b",
        Pattern(
            {"parity": Red(4.3, frozenset({"worst", "word"})), "norm": Red("NaN")}, frozenset({"finite"})
        ),
    )
    assert other == Signature("a", "z", Pattern({}, frozenset({"parity"})))
    assert [len(line) > 0 for line in path.read_text().split("\n")[2:5]] == [True] * 3  # one a line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"checks": [], "faults": [1]}',
        '{"checks": [], "faults": [{"name": "a"}]}',
        *(
            f'{{"checks": ["a"], "faults": [{{"name": "a", "cause": "b", "red": {wrong}, "unjudged": []}}]}}'
            for wrong in ("[]", '{"a": 1}', '{"a": ["much", ""]}', '{"a": [1, 2]}')
        ),
    ],
)
def test_malformed_signatures(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signatures.json"
    path.write_text(text)
    with pytest.raises(FixtureError, match=r"malformed .*; restore the file, or make it again"):
        read_signatures(path)


def test_a_table_without_signatures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verdicts stand; the line says why nothing is named."""
    gate = Gate("m", {})
    monkeypatch.setattr(session, "SIGNATURES", tmp_path / "none.json")
    assert session.diagnosis(gate) == []
    gate.verdicts = [red("parity")]
    (line,) = session.diagnosis(gate)
    assert line.startswith(f"  looks like: {tmp_path / 'none.json'}: cannot be read")


def test_a_servers_contract_is_no_evidence_and_a_changed_declaration_comes_first() -> None:
    """Red answers of a server say themselves what is wrong; what a folder declares is looked at first."""
    gate = Gate("m", {})
    gate.verdicts = [red("base64"), red("dimensions"), red("bad neighbour"), green("parity")]
    assert session.diagnosis(gate) == []
    assert red_of_contract(gate) == ["  red checks: 0 of 1 of the vectors, 3 of 3 of the server's contract"]
    gate.verdicts.append(red("topics beside baseline", 0.1))
    declared, fault = session.diagnosis(gate, ["pooling: mean -> first token"])
    assert declared == (
        "  looks like: another declaration than that of the origin (pooling: mean -> first token)"
    )
    assert fault.startswith("  looks like")
    gate.verdicts = [green("base64"), green("parity")]
    assert session.diagnosis(gate, ["pooling: a -> b"]) == red_of_contract(gate) == []


def test_signatures_are_of_the_catalogue() -> None:
    """A fault that came, went, or moved to another file: make signatures."""
    signatures = read_signatures(own_files.SIGNATURES)
    assert out_of_date(signatures) == [], "fixtures/signatures.json is out of date: make signatures"
    (first, *rest), gone = signatures, signature("gone", cause="order")
    assert out_of_date([*rest, gone]) == [
        f"lacks {first.name} ({first.cause})",
        "has gone (order), which is gone",
    ]


def outcome(name: str, *verdicts: Verdict) -> Signature:
    return signature(name, *verdicts, cause=BY_NAME[name].cause)


def test_named_rightly() -> None:
    """A fault is named where it is on every seed; with its own signature left out, its cause must be."""
    one, twin = [fault for fault in FAULTS if fault.cause == "order"][:2]
    other = next(fault for fault in FAULTS if fault.cause == "weights")
    patterns = {one.name: [red("a"), red("b")], twin.name: [red("a"), green("b")], other.name: [red("c")]}
    signatures = [
        signature(fault.name, *patterns[fault.name], cause=fault.cause) for fault in (one, twin, other)
    ]
    outcomes = [outcome(name, *verdicts) for name, verdicts in patterns.items()]
    assert named(outcomes, signatures, left_out=False).share == 1
    left_out = named(outcomes, signatures, left_out=True)
    assert left_out.missed == {f"{other.name} (weights)": "nothing known"}
    assert left_out.lines == [
        "  its cause, the fault itself left out: 2 of 3 (66.7%)",
        f"      {other.name} (weights) looks like nothing known",
    ]
    lucky = [*outcomes, outcome(other.name, red("a"), red("b"))]
    assert named(lucky, signatures, left_out=False).faults == 3
    assert set(named(lucky, signatures, left_out=False).missed) == {f"{other.name} (weights)"}
    timed = next(fault for fault in FAULTS if fault.where == "time")
    assert named([*lucky, outcome(timed.name, red("d"))], signatures, left_out=False).faults == 3
    assert named([*lucky, outcome(timed.name, red("d"))], signatures, left_out=True).faults == 4
    twins = [outcome(one.name, *patterns[twin.name])]
    assert named(twins, signatures, left_out=False).missed == {f"{one.name} (order)": f"{twin.name} (order)"}


def test_signatures_are_recorded_on_other_texts() -> None:
    """Two slices share the topics, pairs that differ in their last word, hostile texts, and nothing else."""
    subject = adapter.open_subject("all-MiniLM-L6-v2")
    one, other = slice_of(subject), slice_of(subject, 1)
    shared = set(one.texts.texts) & set(other.texts.texts)
    assert shared == set(one.texts.of_kind("prefix", "hostile"))
    assert set(one.texts.kinds) == set(other.texts.kinds)
    for each in (one, other):
        assert each.golden is not None
        assert len(each.golden.vectors) == len(each.texts.texts)
    assert one.sets.topics == other.sets.topics
    assert not {*one.sets.pairs.one} & {*other.sets.pairs.one}
    assert not {*one.sets.retrieval.queries} & {*other.sets.retrieval.queries}
    assert len(other.sets.pairs.grades) == len(one.sets.pairs.grades) == 32
    assert len(other.sets.retrieval.queries) == len(one.sets.retrieval.queries) == 10
    assert other.sets.retrieval.sha256 != one.sets.retrieval.sha256
    assert other.sets.pairs.sha256 != one.sets.pairs.sha256
    for subset in (other.pairs, other.retrieval):  # encoded now, and made by another implementation
        assert subset.golden is not None
        for vectors, golden in zip(subset.vectors, subset.golden, strict=True):
            assert abs(vectors - golden).max() < 2e-6  # measured 2.0e-7
