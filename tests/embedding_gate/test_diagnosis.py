"""What a red run looks like, on signatures small enough for mental arithmetic."""

import math

import pytest

from embedding_gate import session
from embedding_gate.register import endpoint_tests
from embedding_gate.verdicts.diagnosis import (
    Red,
    likely,
    looks_like,
    pattern_of,
)
from embedding_gate.verdicts.gate import Gate, check_name
from embedding_gate.verdicts.thresholds import Verdict
from tests.support.verdicts import green, red, signature


def alike(run: list[Verdict], *known: Verdict) -> float:
    """Return how alike a run and one known fault are."""
    found = likely(pattern_of(run), [signature("a", *known)])
    return found[0].alike if found else 0.0


def test_pattern() -> None:
    """Each check by its worst part, in decades beyond its threshold; what was not judged is nowhere."""
    found = pattern_of(
        [
            red("parity", 1e-3, "worst: word-01, length-256"),
            red("category similarity: art", 0.5),
            red("category similarity: food", 0.01),
            green("category similarity: nature"),
            red("token ids", 0.0),
            red("far", 1e-30),
            Verdict("norm", math.nan, "<= 1", 0.0, "FAIL"),
            Verdict(
                "cached",
                math.nan,
                "a threshold",
                0.0,
                "ERROR",
                "FixtureError: /home/me/x.json: BAD in ~/y, here",
            ),
            green("finite"),
            Verdict("cohesion", 0.2, "-", math.nan, "not calibrated"),
        ]
    )
    assert found.red["parity"].words == {"worst", "word", "length"}
    assert found.red["cached"] == Red("ERROR", frozenset({"fixtureerror", "bad", "here"}))
    assert {check: one.beyond for check, one in found.red.items()} == {
        "parity": pytest.approx(3),
        "category similarity": pytest.approx(2),
        "token ids": 7,
        "far": 7,
        "norm": "NaN",
        "cached": "ERROR",
    }
    assert found.green == {"finite"}


def test_alike_by_hand() -> None:
    """The share of the red checks of either on which both agree."""
    assert alike([red("a"), red("b"), green("c")], red("a"), red("b"), green("c")) == 1
    assert alike([red("a"), green("b")], red("a"), red("b")) == 0.5
    assert alike([red("a"), red("b")], red("a"), green("b")) == 0.5
    assert alike([red("a"), green("b")], green("a"), red("b")) == 0
    # Red both times, but a decade apart, then two and more; and NaN, which is no number.
    assert alike([red("a", 1e-3)], red("a", 1e-4)) == pytest.approx(0.75)
    assert alike([red("a", 1e-1)], red("a", 1e-6)) == pytest.approx(0.5)
    nan, error = (Verdict("a", math.nan, "<= 1", 0.0, outcome) for outcome in ("FAIL", "ERROR"))
    assert alike([nan], nan) == alike([error], error) == 1
    assert alike([nan], error) == alike([nan], red("a")) == 0.5
    # Red for another reason: a quarter for the words.
    assert alike([red("a", evidence="cold, prompt")], red("a", evidence="cold, prompt")) == 1
    assert alike([red("a", evidence="cold, prompt")], red("a", evidence="cold, weights")) == pytest.approx(
        5 / 6
    )
    assert alike([red("a", evidence="cold")], red("a")) == pytest.approx(0.75)


def test_what_was_not_judged_is_no_evidence() -> None:
    """A check that this run has not, or did not calibrate, changes nothing; one unexplained counts half."""
    known = (red("a"), red("b"), green("c"))
    assert alike([red("a")], *known) == 1
    assert alike([red("a"), Verdict("b", 0.1, "-", math.nan, "not calibrated")], *known) == 1
    assert alike([red("a"), green("d")], red("a")) == 1
    assert alike([red("a"), red("d")], red("a")) == pytest.approx(1 / 1.5)


def test_three_are_named_one_of_a_cause() -> None:
    """The likeliest first; of equals, the one that was recorded with more of the run's checks."""
    run = [red("a"), red("b"), red("c"), green("d")]
    known = [
        signature("four", red("a"), green("b"), green("c"), red("d")),
        signature("three", red("a"), green("b"), green("c")),
        signature("twin of one", red("a"), red("b"), red("c"), cause="first"),
        signature("one", red("a"), red("b"), red("c"), green("d"), cause="first"),
        signature("two", red("a"), red("b"), green("c")),
        signature("no part of it", green("a"), red("e")),
    ]
    found = likely(pattern_of(run), known)
    assert [one.name for one in found] == ["one", "two", "three"]
    assert [one.alike for one in found] == pytest.approx([1, 2 / 3, 1 / 3])
    assert looks_like(run, known) == ["  looks like: one (first), two (two), three (three)"]


def test_what_hardly_fits_is_named_apart() -> None:
    """It shares a red check with the run; of ten more, this run has none."""
    run = [red("a"), *(green(f"check {number}") for number in range(10))]
    far = signature("far", red("a"), *(red(f"check {number}") for number in range(10)))
    near = signature("near", red("a"))
    assert looks_like(run, [near, far]) == ["  looks like: near (near); less likely: far (far)"]
    assert looks_like(run, [near]) == ["  looks like: near (near)"]
    assert looks_like(run, [far]) == ["  looks like no known fault; the nearest: far (far)"]


REFUSED = "SubjectRefused: python:a:b: was asked for 2 texts and raised ValueError: no; call it by hand"
ENDPOINT = [check_name(name) for name in endpoint_tests()]


@pytest.mark.parametrize("check", ["norm", "finite", "parity", "hostile texts"])
def test_a_refusal_is_no_evidence(check: str) -> None:
    """Of the norm nothing was measured, if the subject gave no vectors."""
    refusal = Verdict(check, math.nan, "<= 2e-06", 0.0, "ERROR", REFUSED)
    assert diagnosed(refusal, green("cohesion")) == []
    crash = Verdict(check, math.nan, "<= 2e-06", 0.0, "ERROR", "ValueError: no")
    assert len(diagnosed(crash, green("cohesion"))) == 1


@pytest.mark.parametrize("check", ENDPOINT)
def test_the_contract_of_a_server_is_no_evidence(check: str) -> None:
    """A server that should refuse and does not has no fault that was ever recorded of the library."""
    contract = red(check, evidence="an empty text: a vector of zeros")
    assert diagnosed(contract, green("norm")) == []
    fault = red("parity", 1e-4, "worst: word-01")
    assert diagnosed(contract, fault, green("norm")) == diagnosed(fault, green("norm")) != []


def diagnosed(*verdicts: Verdict) -> list[str]:
    """Return what the gate says of verdicts on a model."""
    gate = Gate("m", {})
    gate.verdicts += verdicts
    return session.diagnosis(gate)


def test_nothing_is_named_where_nothing_fits() -> None:
    known = [signature("a fault", *(red(f"check {number}") for number in range(9)))]
    assert likely(pattern_of([green("check 1")]), known) == []
    assert looks_like([green("check 1")], known) == []
    assert looks_like([red("another")], known) == ["  looks like no known fault"]
    assert looks_like([red("check 1")], []) == ["  looks like no known fault"]
    little = [red("check 1"), *(green(f"check {number}") for number in range(2, 9))]
    assert looks_like(little, known) == ["  looks like no known fault; the nearest: a fault (a fault)"]
