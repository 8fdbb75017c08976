"""The published quality figures can be reproduced from the published texts."""

from collections.abc import Sequence

import pytest

from embedding_gate.claims.published import Comparison
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality


def test_published_figures(published: Sequence[Comparison], gate: Gate) -> None:
    """Every published quality figure is reproduced, to its last digit or within its stated margin."""
    judged = [found for found in published if found.outcome in ("reproduced", "NOT REPRODUCED")]
    if not judged:
        return gate.not_applicable("no figures were published for a model of this name on these texts")
    wrong = [found.figure.quantity for found in judged if found.outcome == "NOT REPRODUCED"]
    return gate.require(len(wrong), evidence=f"not reproduced: {', '.join(wrong)}")
