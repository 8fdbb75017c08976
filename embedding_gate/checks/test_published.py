"""The published figures come out again, of the published texts, recorded or by the published recipe."""

from collections.abc import Sequence

import pytest

from embedding_gate.claims.published import Comparison
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality


def test_published_figures(published: Sequence[Comparison], gate: Gate) -> None:
    """Every quality figure of the model is reproduced: to the last digit printed, or the margin stated."""
    judged = [found for found in published if found.outcome in ("reproduced", "NOT REPRODUCED")]
    if not judged:
        return gate.not_applicable("nothing was published of these texts by a model of this name")
    wrong = [found.figure.quantity for found in judged if found.outcome == "NOT REPRODUCED"]
    return gate.require(len(wrong), evidence=f"not reproduced: {', '.join(wrong)}")
