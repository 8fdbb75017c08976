"""Vectors recorded of a published model on the published texts give the published figures."""

import pytest

from embeddings.evaluation.gate import Gate
from embeddings.evaluation.recorded import Recorded

pytestmark = pytest.mark.quality


def test_published_figures(recorded: Recorded, gate: Gate) -> None:
    """Every quality figure of the model is reproduced, to the last digit that was printed."""
    judged = [found for found in recorded.published if found.outcome in ("reproduced", "NOT REPRODUCED")]
    if not judged:
        return gate.uncalibrated("nothing was published of these texts by a model of this name")
    wrong = [found.figure.quantity for found in judged if found.outcome == "NOT REPRODUCED"]
    return gate.require(len(wrong), evidence=f"not reproduced: {', '.join(wrong)}")
