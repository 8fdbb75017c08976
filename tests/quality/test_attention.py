"""Each token of an encoder reads the whole text, what comes after it too."""

import numpy as np
import pytest

from embeddings.evaluation.gate import Gate
from embeddings.evaluation.metrics import relative_change
from embeddings.evaluation.subject import Subject

pytestmark = pytest.mark.quality


def test_bidirectional(subject: Subject, gate: Gate) -> None:
    """Another last word moves the hidden state of the first: under a causal mask it could not."""
    states = dict(zip(subject.hidden_rows, subject.hidden_states, strict=True))
    rows = [row for row in subject.hidden_rows if subject.texts.kinds[row] == "prefix"]
    changes = [
        relative_change(states[one][0], states[other][0])
        for one, other in zip(rows[::2], rows[1::2], strict=True)
    ]
    gate.require(float(np.min(changes)))
