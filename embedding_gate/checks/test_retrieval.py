"""The passages that answer a query come first among all passages."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.checks.test_parity import require_parity
from embedding_gate.checks.test_topics import NO_MEASURE, TOO_FEW
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics import resampling
from embedding_gate.metrics.ranking import (
    ndcg,
    ndcg_of_beir,
    rank,
    recall,
    reciprocal_ranks,
    scores_by_query,
)
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]


def ndcg_of(vectors: list[NDArray[np.float32]], retrieval: Retrieval) -> NDArray[np.float64]:
    """Return each query's nDCG@10: (Q,)."""
    queries, passages = vectors
    return ndcg(rank(queries, passages, retrieval), retrieval, k=10)


def chance(vectors: list[NDArray[np.float32]], retrieval: Retrieval) -> float:
    """Return the p of a permutation test of these rankings."""
    queries, passages = vectors
    return resampling.chance_of_retrieval(scores_by_query(queries, passages, retrieval), retrieval)


def test_retrieval_parity(subject: Subject, gate: Gate) -> None:
    """Every component of the vectors of queries and passages agrees with the golden."""
    require_parity(subject.retrieval, gate)


def test_retrieval(subject: Subject, gate: Gate) -> None:
    """Relevant passages are ranked first (mean nDCG@10)."""
    found, (queries, passages) = subject.retrieval.labelled, subject.retrieval.vectors
    ranks = rank(queries, passages, found)
    also = f"recall@10 {recall(ranks, found).mean():.3g}, MRR {reciprocal_ranks(ranks, found).mean():.3g}"
    if len(found.missing.gains):
        also += f"; as BEIR counts missing passages, nDCG@10 {ndcg_of_beir(ranks, found):.3g}"
    measured = float(ndcg(ranks, found).mean())
    subject.notes.append(f"  retrieval: nDCG@10 {measured:.3g}, {also}")
    gate.require_calibrated(measured, fixture=found.sha256)


def test_retrieval_by_chance(subject: Subject, gate: Gate) -> None:
    """If the rankings are given to other queries, they hardly ever fit as well (p of a permutation test)."""
    if resampling.least_p_of_retrieval(subject.retrieval.labelled) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    return gate.require(chance(subject.retrieval.vectors, subject.retrieval.labelled))


def test_retrieval_beside_baseline(subject: Subject, gate: Gate) -> None:
    """nDCG@10 is not surely lower than the baseline's on the same queries and passages."""
    found = subject.retrieval
    if found.baseline is None:
        return gate.not_applicable(found.no_baseline)
    if resampling.least_p_of_retrieval(found.labelled) > resampling.SURE:
        return gate.not_applicable(TOO_FEW)
    if not found.proven and chance(found.baseline_vectors, found.labelled) > resampling.SURE:
        return gate.require(math.nan, evidence=NO_MEASURE)
    one, other = (
        resampling.draw_means(ndcg_of(vectors, found.labelled))
        for vectors in (found.vectors, found.baseline_vectors)
    )
    return gate.require(resampling.surely_worse(one, other), evidence=f"beside {found.baseline.name}")
