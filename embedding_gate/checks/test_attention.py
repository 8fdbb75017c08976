"""In an encoder each token reads the whole text. In a decoder no token reads what comes after it."""

import numpy as np
import pytest

from embedding_gate.metrics.differences import relative_change
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality


@pytest.mark.needs("hidden states")
def test_bidirectional(subject: Subject, gate: Gate) -> None:
    """Changing the last word changes the first token's hidden state. A causal mask would prevent that."""
    if subject.causal:
        return gate.not_applicable("a causal decoder")
    states = dict(zip(subject.hidden_rows, subject.hidden_states, strict=True))
    rows = [row for row in subject.hidden_rows if subject.texts.kinds[row] == "prefix"]
    changes = [
        relative_change(states[one][0], states[other][0])
        for one, other in zip(rows[::2], rows[1::2], strict=True)
    ]
    return gate.require(float(np.min(changes)))


@pytest.mark.needs("hidden states", "tokens")
def test_causal(subject: Subject, gate: Gate) -> None:
    """Changing the last word does not change the hidden states of the tokens before it."""
    if not subject.causal:
        return gate.not_applicable("an encoder, which reads both ways")
    rows = [row for row, kind in enumerate(subject.texts.kinds) if kind == "prefix"]
    texts = [subject.texts.texts[row] for row in rows]
    ids, states = subject.encoder.tokenize(texts).ids, subject.encoder.hidden_states(texts)
    worst = 0.0
    for one in range(0, len(rows), 2):
        first, second = ids[one], ids[one + 1]
        shorter = min(len(first), len(second))
        differs = np.flatnonzero(first[:shorter] != second[:shorter])
        shared = slice(int(differs[0]) if differs.size else shorter)
        worst = np.maximum(worst, relative_change(states[one][shared], states[one + 1][shared]))
    return gate.require(float(worst))
