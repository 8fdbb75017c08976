"""The published claims, judged once a run, and their table."""

from collections.abc import Sequence
from typing import Any

import pytest

from embedding_gate.claims.claims import Claim, judge_claims
from embedding_gate.claims.evidence import Evidence
from embedding_gate.claims.table import claims_table
from tests.claims.evidence import evidence as gather

JUDGED = pytest.StashKey[tuple[Evidence, Sequence[Claim]]]()


@pytest.fixture(scope="session")
def evidence() -> Evidence:
    """What claims are judged by."""
    return gather()


@pytest.fixture(scope="session")
def claims(evidence: Evidence, request: pytest.FixtureRequest) -> Sequence[Claim]:
    """Every published claim with its verdict."""
    judged = judge_claims(evidence)
    request.config.stash[JUDGED] = (evidence, judged)
    return judged


def pytest_gate_record(config: pytest.Config) -> dict[str, Any]:
    """Give the report the verdicts."""
    _, judged = config.stash.get(JUDGED, (None, ()))
    found = [
        {
            "section": claim.section,
            "subject": claim.subject,
            "published": claim.published,
            "outcome": claim.finding.outcome,
            "arithmetic": claim.finding.arithmetic,
            "devices": claim.families,
            "expected": claim.expected,
            "red": claim.red,
        }
        for claim in judged
    ]
    return {"claims": found}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the claims."""
    if JUDGED in terminalreporter.config.stash:
        evidence, judged = terminalreporter.config.stash[JUDGED]
        terminalreporter.section("published claims")
        for line in claims_table(judged, evidence.devices):
            terminalreporter.line(line)
