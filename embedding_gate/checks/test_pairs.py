"""Sentences that people find similar have similar vectors."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.checks.test_parity import require_parity
from embedding_gate.checks.test_topics import NO_MEASURE, TOO_FEW
from embedding_gate.metrics import resampling
from embedding_gate.metrics.ranking import spearman
from embedding_gate.metrics.similarity import unit
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]


def cosines(vectors: list[NDArray[np.float32]]) -> NDArray[np.float64]:
    """Return the cosine of each pair: (N, D) and (N, D) -> (N,)."""
    return np.asarray(np.sum(unit(vectors[0]) * unit(vectors[1]), axis=1))


def test_pairs_parity(subject: Subject, gate: Gate) -> None:
    """Every component of these sentences' vectors agrees with the golden."""
    require_parity(subject.pairs, gate)


def test_pairs(subject: Subject, gate: Gate) -> None:
    """Cosines rank the pairs as people graded them (Spearman)."""
    pairs = subject.pairs
    gate.require_calibrated(
        spearman(cosines(pairs.vectors), pairs.labelled.grades), fixture=pairs.labelled.sha256
    )


def test_pairs_by_chance(subject: Subject, gate: Gate) -> None:
    """If the grades are shuffled, they hardly ever fit the cosines as well (p of a permutation test)."""
    if resampling.least_p(subject.pairs.labelled.grades.tolist()) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    return gate.require(resampling.chance_of_pairs(cosines(subject.pairs.vectors), subject.pairs.labelled))


def test_pairs_beside_baseline(subject: Subject, gate: Gate) -> None:
    """Spearman's correlation is not surely lower than the baseline's on the same pairs."""
    pairs = subject.pairs
    if pairs.baseline is None:
        return gate.not_applicable(pairs.no_baseline)
    if resampling.least_p(pairs.labelled.grades.tolist()) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    if not pairs.proven and (
        resampling.chance_of_pairs(cosines(pairs.baseline_vectors), pairs.labelled) > resampling.SURE
    ):
        return gate.require(math.nan, evidence=NO_MEASURE)
    one, other = (
        resampling.draw_spearman(cosines(vectors), pairs.labelled)
        for vectors in (pairs.vectors, pairs.baseline_vectors)
    )
    return gate.require(resampling.surely_worse(one, other), evidence=f"beside {pairs.baseline.name}")
