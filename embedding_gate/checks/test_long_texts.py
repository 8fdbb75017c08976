"""A very long text is read to its end, and the memory for it grows in proportion to its length."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from embedding_gate.data.goldens import LONG_TOKENS
from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
LENGTH = LONG_TOKENS  # twice the limit of all other checks


def long_text(subject: Subject, tokens: int) -> tuple[Encoder, str]:
    """Return the model, with this limit where it takes one, and a text of exactly this many tokens."""
    if "max_tokens" not in subject.offers:
        return subject.whole, subject.text_of(tokens)
    encoder = subject.whole.with_max_tokens(tokens)
    return encoder, replace(subject, encoder=encoder).text_of(tokens)


@pytest.mark.needs("memory", "max_tokens")
def test_memory_of_long_texts(subject: Subject, gate: Gate) -> None:
    """A text that is twice as long needs about twice the device memory, not four times."""
    if subject.limit < 2 * LENGTH:
        return gate.not_applicable(f"reads no more than {subject.limit} tokens")
    if not subject.causal:
        return gate.not_applicable("an encoder computes all tokens at once")
    peaks = []
    for tokens in (LENGTH, 2 * LENGTH):
        encoder, text = long_text(subject, tokens)
        call = partial(encoder.encode, [text])
        # The lower of two calls: on CUDA a first call also allocates work space (2.47, then 1.88).
        peaks.append(min(subject.peak_memory(call) for _ in range(2)))
    evidence = " and ".join(f"{peak / 1e6:.1f} MB" for peak in peaks)
    return gate.require(peaks[1] / peaks[0], evidence=f"{evidence} at {LENGTH} and {2 * LENGTH} tokens")


def test_long_reach(subject: Subject, gate: Gate) -> None:
    """Exchanging two words at the beginning of a long text changes its vector.

    The length of the text stays the same, so that every token stays in its step of the computation.
    """
    if subject.limit < LENGTH:
        return gate.not_applicable(f"reads no more than {subject.limit} tokens")
    encoder, text = long_text(subject, LENGTH)
    first, second, third, *rest = text.split()
    vectors = encoder.encode([text, " ".join([first, third, second, *rest])])
    return gate.require(float(np.linalg.norm(vectors[1] - vectors[0])))


@pytest.mark.needs("max_tokens")
def test_long_parity(subject: Subject, gate: Gate) -> None:
    """Every component of a long text's vector agrees with the golden."""
    if subject.limit < LENGTH and not (subject.golden and subject.golden.long):
        return gate.not_applicable(f"reads no more than {subject.limit} tokens")
    if subject.golden is None or subject.golden.long is None:
        return gate.not_calibrated("no golden vector of a long text")
    text, vector = subject.golden.long
    found = subject.whole.with_max_tokens(LENGTH).encode([text])
    return gate.require(differences(list(found), [vector]).max())
