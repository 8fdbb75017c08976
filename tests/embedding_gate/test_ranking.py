"""Rank correlation and measures of a ranking, worked by hand and beside scipy and scikit-learn."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import label_ranking_average_precision_score, ndcg_score

from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics.ranking import (
    Ranks,
    look_up,
    midranks,
    ndcg,
    rank,
    recall,
    reciprocal_ranks,
    spearman,
)


def retrieval(gains: np.ndarray) -> Retrieval:
    """Build a set of Q queries and P passages from the gains (Q, P)."""
    query_rows, passage_rows = np.nonzero(gains)
    return Retrieval(
        Path(),
        ("q",) * len(gains),
        gains.shape[1],
        query_rows,
        passage_rows,
        gains[query_rows, passage_rows],
        "",
    )


def ranks_of(scores: np.ndarray, of: Retrieval) -> Ranks:
    found = [look_up(scores[q], np.array([p])) for q, p in zip(of.query_rows, of.passage_rows, strict=True)]
    return Ranks(*(np.array(column).ravel() for column in zip(*found, strict=True)))


def test_spearman_by_hand_and_beside_scipy() -> None:
    assert spearman(np.array([1.0, 2, 3]), np.array([10.0, 30, 20])) == pytest.approx(0.5)
    assert spearman(np.array([1.0, 2, 3]), np.array([3.0, 2, 1])) == pytest.approx(-1)
    draw = np.random.default_rng(1)
    for levels in (3, 1000):
        one, other = draw.integers(levels, size=(2, 200)).astype(float)
        np.testing.assert_array_equal(midranks(one), rankdata(one))
        assert spearman(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_spearman_of_nothing() -> None:
    assert math.isnan(spearman(np.ones(4), np.arange(4.0)))
    assert math.isnan(spearman(np.array([1.0, np.nan, 2]), np.arange(3.0)))
    assert math.isnan(spearman(np.zeros(0), np.zeros(0)))


def test_a_ranking_by_hand() -> None:
    """Ranked: gains 1, 0, 2; the best would be 2, 1, 0."""
    of = retrieval(np.array([[1.0, 0.0, 2.0]]))
    found = ranks_of(np.array([[0.9, 0.5, 0.1]]), of)
    assert ndcg(found, of)[0] == pytest.approx((1 + 2 / 2) / (2 + 1 / math.log2(3)))
    assert ndcg(found, of, k=1)[0] == pytest.approx(1 / 2)
    assert recall(found, of, k=2)[0] == pytest.approx(1 / 2)
    assert reciprocal_ranks(found, of)[0] == 1


@pytest.mark.parametrize("levels", [2, 5, 1000])
def test_beside_scikit_learn(levels: int) -> None:
    """Few levels of scores mean many ties; scikit-learn too averages over their orders."""
    draw = np.random.default_rng(levels)
    gains = draw.choice([0.0, 0.0, 0.0, 1.0, 2.0], size=(20, 30))
    scores = draw.integers(levels, size=gains.shape).astype(float)
    of = retrieval(gains)
    found = ranks_of(scores, of)
    for k in (1, 5, 10, 30):
        assert ndcg(found, of, k).mean() == pytest.approx(ndcg_score(gains, scores, k=k))


def test_one_relevant_passage_beside_scikit_learn() -> None:
    """With one relevant passage and no ties, average precision is the reciprocal rank."""
    gains = np.eye(6)[np.random.default_rng(0).integers(6, size=9)]
    scores = np.random.default_rng(1).normal(size=gains.shape)
    of = retrieval(gains)
    expected = label_ranking_average_precision_score(gains.astype(int), scores)
    assert reciprocal_ranks(ranks_of(scores, of), of).mean() == pytest.approx(expected)


def test_ties_are_the_mean_over_all_orders() -> None:
    """Every order of the tied passages, tried out."""
    gains, scores = np.array([[1.0, 0.0, 2.0, 0.0]]), np.array([[0.5, 0.5, 0.5, 0.9]])
    of = retrieval(gains)
    first, found = [], []
    for order in itertools.permutations(range(3)):
        places = {passage: 2 + place for place, passage in enumerate(order)}
        first.append(1 / min(places[0], places[2]))
        found.append(sum(places[passage] <= 3 for passage in (0, 2)) / 2)
    ranks = ranks_of(scores, of)
    assert reciprocal_ranks(ranks, of)[0] == pytest.approx(np.mean(first))
    assert recall(ranks, of, k=3)[0] == pytest.approx(np.mean(found))


def test_nan_spoils_its_query_and_no_other() -> None:
    of = retrieval(np.array([[1.0, 0.0], [1.0, 0.0]]))
    passages = np.array([[1.0, 0.0], [0.0, 1.0]])
    found = rank(np.array([[1.0, 0.0], [np.nan, 0.0]]), passages, of)
    for measure in (ndcg, recall, reciprocal_ranks):
        assert measure(found, of)[0] == 1
        assert math.isnan(measure(found, of)[1])
    assert np.isnan(ndcg(rank(passages, np.zeros((2, 2)), of), of)).all()


def test_cosine_decides_not_length() -> None:
    of = retrieval(np.array([[0.0, 1.0]]))
    found = rank(np.array([[2.0, 0.0]]), np.array([[30.0, 40.0], [0.1, 0.0]]), of)
    assert reciprocal_ranks(found, of)[0] == 1
