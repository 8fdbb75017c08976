"""What a subject offers decides which checks are made. What is not made is said, and is no pass."""

import math
import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from embedding_gate import register, session
from embedding_gate.errors import InputError, SubjectRefused
from embedding_gate.outside import open_outside
from embedding_gate.own_files import OWN, ROOT, golden, texts
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.offers import LIBRARY, OFFERS, needed, unoffered
from embedding_gate.verdicts.gate import CheckFailed, Gate, check_name
from embedding_gate.verdicts.table import gate_table
from embedding_gate.verdicts.thresholds import Threshold
from tests.faults.matrix import BARE, LITTLE
from tests.faults.slices import slice_of
from tests.repository.test_docs import text
from tests.support.library_subjects import embed

MODEL = "all-MiniLM-L6-v2"
TESTS = register.live_tests()  # not those of servers, nor of published figures


def bare() -> Subject:
    """A bare function around the library, in this process, without what that adds to its offers."""
    subject = open_outside(MODEL, OWN, embed)
    return replace(
        slice_of(subject),
        offers=BARE,
        encode_elsewhere=lambda some: np.array(embed(some), dtype=np.float32),
        effort=LITTLE,
    )


def test_every_need_is_an_offer() -> None:
    every = dict(register.gate_tests())
    assert {name for test in every.values() for name in needed(test)} <= OFFERS.keys()
    assert not [name for name, test in TESTS.items() if unoffered(test, LIBRARY)]


def test_a_need_that_is_no_offer() -> None:
    @pytest.mark.needs("telepathy")
    def test() -> None:
        """Claim something."""

    with pytest.raises(ValueError, match="needs telepathy, which is no offer"):
        unoffered(test, LIBRARY)


def test_a_module_may_need_for_all_its_checks(monkeypatch: pytest.MonkeyPatch) -> None:
    module = SimpleNamespace(pytestmark=pytest.mark.needs("cache"))
    monkeypatch.setitem(sys.modules, "a_module", module)

    @pytest.mark.needs("tokens")
    def test() -> None:
        """Claim something."""

    test.__module__ = "a_module"
    assert unoffered(test, frozenset({"encode"})) == ["tokens", "cache"]


def test_the_document_says_which_checks_a_bare_function_gets() -> None:
    """A row for each check: what it needs, and whether a function offers that."""
    rows = [line.strip("| ").split(" | ") for line in text(ROOT / "docs/subjects.md").splitlines()]
    found = {row[0]: tuple(row[1:]) for row in rows if check_name(f"test_{row[0]}") in map(check_name, TESTS)}
    expected = {
        check_name(name): (
            ", ".join(one for one in OFFERS if one in needed(test)) or "vectors",
            "not offered" if needed(test) - BARE else "made",
        )
        for name, test in TESTS.items()
    }
    assert found == expected


def limit(check: str, at_most: float = 0.0) -> Threshold:
    return Threshold(check, MODEL, 0.0, "a test", at_most=at_most)


def test_what_is_not_offered_is_no_pass_and_not_red() -> None:
    gate = Gate(MODEL, {"weights": limit("weights")})
    with gate.claim("test_weights"):
        gate.not_offered(["tokens", "weights"])
    (verdict,) = gate.verdicts
    assert (verdict.outcome, verdict.red, verdict.judged) == ("not offered", False, False)
    assert gate.unread == []  # its threshold was not forgotten
    table = gate_table(gate, MODEL)
    assert table[0] == f"{MODEL}: 0 checks passed, 1 not offered"
    assert table[-1] == "  not offered: weights (needs tokens, weights)"


def test_what_is_not_offered_stands_by_what_it_needs() -> None:
    gate = Gate(MODEL, {"norm": limit("norm", 1.0)})
    for name, needs in (("weights", "weights"), ("norm", ""), ("files", "weights"), ("cached", "cache")):
        with gate.claim(f"test_{name}"):
            gate.not_offered([needs]) if needs else gate.require(0.5)
    assert [line.strip() for line in gate_table(gate, MODEL)[3:]] == [
        "not offered: cached (needs cache)",
        "not offered: weights, files (needs weights)",
    ]


@pytest.mark.parametrize(
    ("required", "red"), [("weights", True), ("tokens", True), ("cache", False), ("parity", False)]
)
def test_what_is_required_must_be_offered(required: str, red: bool) -> None:
    gate = Gate(MODEL, {}, {required})
    told = "required (--require), but not judged; needs tokens"
    failing = pytest.raises(CheckFailed, match=re.escape(told)) if red else nullcontext()
    with failing, gate.claim("test_weights"):
        gate.not_offered(["tokens"])
    assert bool(gate.red) == red


def test_what_is_required_must_apply_and_be_calibrated() -> None:
    gate = Gate(MODEL, {}, {"causal", "parity", "pairs"})
    with pytest.raises(CheckFailed, match="not judged; an encoder"), gate.claim("test_causal"):
        gate.not_applicable("an encoder")
    with pytest.raises(CheckFailed, match="not judged; no goldens"), gate.claim("test_parity"):
        gate.not_calibrated("no goldens")
    with pytest.raises(CheckFailed, match="not judged"), gate.claim("test_pairs"):
        gate.require_calibrated(0.5, fixture="f")
    assert [verdict.outcome for verdict in gate.red] == ["ERROR"] * 3
    assert all(math.isnan(verdict.measured) for verdict in gate.red)


def test_a_name_that_is_neither_a_check_nor_an_offer() -> None:
    session.check_required(["parity", "hidden states", "long tail"])
    with pytest.raises(InputError, match=r"--require=partiy: .*; did you mean parity"):
        session.check_required(["partiy"])
    with pytest.raises(InputError, match="neither a check nor an offer; take one of "):
        session.check_required(["zzz"])


def test_texts_that_cannot_be_judged_are_left_out() -> None:
    """A hostile text that the subject refuses, and in a model that reads more, a text above 512 tokens."""

    def picky(some: list[str]) -> list[list[float]]:
        if "" in some:
            raise ValueError("empty")
        return np.eye(1, 384).repeat(len(some), axis=0).tolist()  # type: ignore[no-any-return]

    subject = open_outside(MODEL, OWN, picky)
    known = golden(MODEL)
    assert known is not None
    assert subject.golden is not None
    assert len(subject.texts.texts) == len(texts().texts) - 1 == len(subject.golden.vectors)
    assert "" not in subject.texts.texts
    left_out = next(name for name, one in zip(texts().ids, texts().texts, strict=True) if not one)
    assert f"  left out, for the subject refused them: {left_out}" in subject.notes
    with pytest.raises(SubjectRefused):
        subject.encoder.encode([""])
    gate = session.open_gate(subject)
    session.run_gate(replace(subject, effort=LITTLE), gate, {"generated mixtures"})
    assert [verdict.outcome for verdict in gate.verdicts] == ["pass"]
