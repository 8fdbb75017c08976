"""Checks that need no goldens: each is red for a fault that it is there for, and says what is wrong."""

from dataclasses import replace

import pytest

from embedding_gate import adapter, own_files
from embedding_gate.register import gate_tests
from embedding_gate.session import open_gate
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import CheckFailed
from embedding_gate.verdicts.thresholds import Verdict
from tests.faults.catalogue import injected
from tests.faults.matrix import LITTLE
from tests.faults.registry import TINY_DECODER

TESTS = dict(gate_tests())
CHECKS = {
    "declared tokens": ("lower-cased", "texts: word-"),
    "declared prompts": ("prompt twice", "prompt 'query'"),
    "pooled states": ("mean on a last-token model", "held against the last token"),
    "cache in any order": ("cache key without the prompt", ", 4 texts"),
    "distinct texts": ("memo by words in any order", "one vector of ['"),
    "alike texts": ("memo by letters of one case", "one vector of ['Apples"),
    "after refusals": ("zero vectors kept of a failure", "a lone surrogate"),
    "memory of many calls": ("graphs kept", " bytes in "),
    "no side effects": ("results lent, not copied", "a result that the caller changed is given out again"),
    "shorter dimensions": ("dimensions ignored", ""),
}


def opened() -> Subject:
    """Open the tiny decoder, to be judged with little effort."""
    options = replace(own_files.OWN, baseline=None)
    return replace(adapter.open_subject(TINY_DECODER, options), effort=LITTLE)


def verdict_on(subject: Subject, check: str) -> Verdict:
    """Judge a subject by one check."""
    gate, name = open_gate(subject), f"test_{check.replace(' ', '_')}"
    try:
        with gate.claim(name):
            TESTS[name](subject, gate)
    except CheckFailed:
        pass
    return gate.verdicts[-1]


def verdict_of(check: str, fault: str) -> Verdict:
    """Judge the tiny decoder by one check, with a fault."""
    with injected(fault):
        return verdict_on(opened(), check)


def test_the_library_passes() -> None:
    subject = opened()
    assert {check: verdict_on(subject, check).outcome for check in CHECKS} == dict.fromkeys(CHECKS, "pass")


@pytest.mark.parametrize("check", CHECKS)
def test_a_fault_is_seen(check: str) -> None:
    fault, evidence = CHECKS[check]
    verdict = verdict_of(check, fault)
    assert verdict.outcome == "FAIL"
    assert evidence in verdict.evidence


def test_a_shortened_vector_is_compared_on_the_scale_of_the_whole_one() -> None:
    """A result cache has vectors of other batches. Two components magnify the rounding of each."""
    assert verdict_of("shorter dimensions", "a decoder with a result cache").outcome == "pass"


def test_softmax_without_its_maximum_is_not_finite() -> None:
    """The doubled weights of the other model overflow. That is no sign that the cache ignores weights."""
    options = replace(own_files.OWN, baseline=None)
    with injected("softmax without its maximum"):
        subject = replace(adapter.open_subject("all-MiniLM-L6-v2", options), effort=LITTLE)
        evidence = verdict_on(subject, "cached").evidence
    assert evidence.startswith("NaN in ")
    assert "another model gives the same vectors" not in evidence
