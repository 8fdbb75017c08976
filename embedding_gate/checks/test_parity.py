"""An independent implementation gives the same tokens, hidden states and vectors.

The largest difference of any component decides. A cosine is not sensitive enough: it hides a small error that
all components share.
"""

from collections.abc import Sequence

import numpy as np
import pytest

from embedding_gate.metrics.differences import differences, worst_rows
from embedding_gate.subjects.embedded import Embedded, L
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
NO_GOLDENS = "no goldens of this model from an independent implementation"
NO_GOLDENS_OF_SET = "no goldens of this model on these texts"


def require_parity(found: Embedded[L], gate: Gate, labels: Sequence[str] = ()) -> None:
    """Require that every component of a set's vectors agrees with the goldens. labels: names of its texts."""
    if found.golden is None:
        return gate.not_calibrated(NO_GOLDENS_OF_SET)
    parts = [
        differences(list(vectors), list(golden))
        for vectors, golden in zip(found.vectors, found.golden, strict=True)
    ]
    names = labels or [
        f"{part.name} {row}" for part in found.labelled.parts for row in range(1, part.count + 1)
    ]
    worst = np.concatenate(parts)
    marked = [name for name, worst_of_all in zip(names, worst_rows(worst), strict=False) if worst_of_all]
    return gate.require(worst.max(), evidence=f"worst: {', '.join(marked[:3])}")


@pytest.mark.needs("tokens")
def test_token_ids(subject: Subject, gate: Gate) -> None:
    """Every text has exactly the golden token ids."""
    if subject.golden is None:
        return gate.not_calibrated(NO_GOLDENS)
    found = subject.encoder.tokenize(subject.texts.texts).ids
    differ = differences(found, subject.golden.token_ids) != 0
    lengths = [len(ids) for ids in subject.golden.token_ids]
    differ |= subject.encoder.count_tokens(subject.texts.texts) != lengths
    return gate.require(differ.sum(), evidence=f"texts: {subject.name_rows(differ)}")


def test_parity(subject: Subject, gate: Gate) -> None:
    """Every component of every vector agrees with the golden."""
    if subject.golden is None:
        return gate.not_calibrated(NO_GOLDENS)
    worst = differences(list(subject.vectors), list(subject.golden.vectors))
    return gate.require(worst.max(), evidence=f"worst: {subject.name_rows(worst_rows(worst))}")


@pytest.mark.needs("hidden states")
def test_hidden_state_parity(subject: Subject, gate: Gate) -> None:
    """Every component of every hidden state agrees with the golden, relative to the states' RMS."""
    if subject.golden is None:
        return gate.not_calibrated(NO_GOLDENS)
    golden = subject.golden.hidden_states
    scale = np.sqrt(np.mean(np.square(np.concatenate(golden).astype(np.float64))))
    worst = differences(subject.hidden_states, golden) / scale
    rows = np.zeros(len(subject.texts.ids), dtype=bool)
    rows[subject.hidden_rows] = worst_rows(worst)
    return gate.require(worst.max(), evidence=f"worst: {subject.name_rows(rows)}")
