"""The published figures come out again, of the published texts, recorded or by the published recipe."""

from collections.abc import Sequence

import pytest

from embeddings.evaluation.gate import Gate
from embeddings.evaluation.published import Comparison

pytestmark = pytest.mark.quality


def test_published_figures(published: Sequence[Comparison], gate: Gate) -> None:
    """Every quality figure of the model is reproduced: to the last digit printed, or the margin stated."""
    judged = [found for found in published if found.outcome in ("reproduced", "NOT REPRODUCED")]
    if not judged:
        return gate.uncalibrated("nothing was published of these texts by a model of this name")
    wrong = [found.figure.quantity for found in judged if found.outcome == "NOT REPRODUCED"]
    return gate.require(len(wrong), evidence=f"not reproduced: {', '.join(wrong)}")
