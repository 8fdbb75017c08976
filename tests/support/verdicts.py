"""Verdicts and fault signatures, written by hand."""

from embedding_gate.verdicts.diagnosis import (
    Signature,
    pattern_of,
)
from embedding_gate.verdicts.thresholds import Verdict


def red(check: str, margin: float = 1e-3, evidence: str = "") -> Verdict:
    return Verdict(check, 1.0, "<= 1", margin, "FAIL", evidence)


def green(check: str) -> Verdict:
    return Verdict(check, 0.5, "<= 1", 2.0, "pass", "worst: word-01")


def signature(name: str, *verdicts: Verdict, cause: str = "") -> Signature:
    return Signature(name, cause or name, pattern_of(verdicts))
