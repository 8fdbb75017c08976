"""Vectors are finite and have length 1."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.declared import listed_modules
from embedding_gate.metrics.differences import count_non_finite, norm_error, worst_rows
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
POOLED_EACH = 3  # every third text with golden states is looked at


def test_finite(subject: Subject, gate: Gate) -> None:
    """No component of any vector is NaN or infinite."""
    rows = ~np.isfinite(subject.vectors).all(axis=1)
    gate.require(count_non_finite(subject.vectors), evidence=f"texts: {subject.name_rows(rows)}")


def test_norm(subject: Subject, gate: Gate) -> None:
    """Every vector has length 1, also those of the longest and of the empty text."""
    errors = norm_error(subject.vectors)
    gate.require(errors.max(), evidence=f"worst: {subject.name_rows(worst_rows(errors))}")


@pytest.mark.needs("truncate_dim")
def test_shorter_dimensions(subject: Subject, gate: Gate) -> None:
    """A truncated vector is the first components of the full vector, scaled to length 1, or it is refused."""
    texts = subject.texts.of_kind("word")[:10]
    whole = subject.encoder.encode(texts).astype(np.float64)
    worst = 0.0
    width, least = subject.encoder.dimension, subject.encoder.min_dimensions
    some = {least, 2, width // 3, width // 3 + 1, 2 * width // 3, width - 2, width - 1, width}
    asked = sorted(one for one in some if one >= least)
    if "errors" not in subject.offers:
        asked = [dimensions for dimensions in asked if not _refused(subject, dimensions)]
        if not asked:
            return gate.not_applicable("refuses every truncated vector")
    elif not all(_refused(subject, dimensions) for dimensions in (least - 1, width + 1)):
        return gate.require(np.inf, evidence=f"not from {least} to {width} alone")
    for dimensions in asked:
        got = subject.encoder.encode(texts, truncate_dim=dimensions)
        worst = np.maximum(worst, _difference(got, whole[:, :dimensions]))
    return gate.require(float(worst))


def _difference(got: NDArray[np.float32], kept: NDArray[np.float64]) -> float:
    """Return how far truncated vectors (N, d) are from the components (N, d) that they keep.

    They are compared on the scale of the whole vector. Otherwise the rounding of a component would be divided
    by the length of what is kept: of two components of 384, by about 0.05. Their own length must be 1.
    """
    if got.shape != kept.shape:
        return np.inf
    scaled_back = got * np.linalg.norm(kept, axis=1, keepdims=True)
    return float(np.maximum(np.abs(scaled_back - kept).max(), norm_error(got).max()))


def _refused(subject: Subject, dimensions: int) -> bool:
    try:
        subject.encoder.encode(["a"], truncate_dim=dimensions)
    except subject.refusal:
        return True
    return False


@pytest.mark.needs("raw")
def test_unnormalised(subject: Subject, gate: Gate) -> None:
    """Without normalisation a vector keeps its own length, and its direction is the same."""
    texts = subject.texts.of_kind("word")[:10]
    before = subject.encoder.encode(texts).astype(np.float64)
    raw = subject.encoder.encode(texts, normalize_embeddings=False).astype(np.float64)
    after = subject.encoder.encode(texts)
    lengths = np.linalg.norm(raw, axis=1, keepdims=True)
    if np.abs(lengths - 1).max() < 1e-3:  # a pooled vector never has length 1 without normalisation
        return gate.require(np.inf, evidence="the vectors have length 1 all the same")
    return gate.require(np.maximum(np.abs(raw / lengths - before), np.abs(after - before)).max())


@pytest.mark.needs("raw")
def test_pooled_length(subject: Subject, gate: Gate) -> None:
    """Without normalisation a vector has the length of the pooled golden hidden states.

    Pooling is their mean, the first or the last, whichever has the direction of the golden vector.
    """
    if "Dense" in dict(listed_modules(subject.folder)):
        return gate.not_applicable("a Dense module after pooling gives another length")
    if subject.golden is None:
        return gate.not_calibrated("no goldens of this model from an independent implementation")
    rows = subject.golden.hidden_rows[::POOLED_EACH]
    raw = subject.encoder.encode([subject.texts.texts[row] for row in rows], normalize_embeddings=False)
    lengths = np.linalg.norm(raw.astype(np.float64), axis=1)
    expected = [
        _pooled_length(states.astype(np.float64), subject.golden.vectors[row])
        for row, states in zip(rows, subject.golden.hidden_states[::POOLED_EACH], strict=True)
    ]
    return gate.require(np.abs(lengths / expected - 1).max())


def _pooled_length(states: NDArray[np.float64], direction: NDArray[np.float32]) -> float:
    pooled = np.stack([states.mean(axis=0), states[0], states[-1]])
    lengths = np.linalg.norm(pooled, axis=1)
    return float(lengths[np.argmax(pooled @ direction / lengths)])
