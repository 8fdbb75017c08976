"""Every published figure and statement gets the verdict that arithmetic gives, and no other."""

from collections.abc import Sequence

import pytest

from embedding_gate.claims.claims import Claim, idle_rules
from embedding_gate.claims.evidence import Evidence

pytestmark = pytest.mark.claims


def test_every_claim_has_the_verdict_that_arithmetic_gives(claims: Sequence[Claim]) -> None:
    red = [f"{claim.subject}: {claim.finding.outcome}, {claim.families}" for claim in claims if claim.red]
    assert red == [], "see the table below"


def test_no_claim_is_gone(claims: Sequence[Claim], evidence: Evidence) -> None:
    """As many as the published results have, and no rule without a claim."""
    assert len([claim for claim in claims if claim.published]) == 49
    assert len([claim for claim in claims if not claim.published]) == 37
    assert idle_rules(evidence.published) == []
