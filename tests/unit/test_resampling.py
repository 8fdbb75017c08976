"""Permutation and bootstrap: they find what is there, and nothing where nothing is."""

import math
from pathlib import Path

import numpy as np
import pytest

from embeddings.evaluation import resampling as re
from embeddings.evaluation import similarity as sim
from embeddings.evaluation.labelled import Pairs
from embeddings.evaluation.ranking import spearman
from embeddings.evaluation.retrieval import Retrieval
from tests.unit.test_similarity import drawn

NOISE = [np.random.default_rng(seed).normal(size=(60, 12)) for seed in range(16)]
SMALLEST = 1 / (1 + re.PERMUTATIONS)


def pairs(grades: np.ndarray) -> Pairs:
    return Pairs(("",) * len(grades), ("",) * len(grades), grades, "")


def retrieval(queries: int) -> Retrieval:
    """Build a set in which passage i answers query i, and there are twice as many passages."""
    rows = np.arange(queries)
    return Retrieval(Path(), ("q",) * queries, 2 * queries, rows, rows, np.ones(queries), "")


def test_p_by_hand() -> None:
    assert re.p_value(3.0, np.array([1.0, 2.0, 3.0])) == pytest.approx(2 / 4)  # a tie does as well
    assert re.p_value(math.nan, np.array([1.0, 2.0])) == 1
    assert re.p_value(3.0, np.array([1.0, math.nan])) == pytest.approx(2 / 3)


def test_structure_is_found() -> None:
    vectors, names = drawn()
    assert re.chance_of_topics(vectors, names) == SMALLEST
    grades = np.arange(60.0)
    assert re.chance_of_pairs(grades + 20 * NOISE[0][:, 0], pairs(grades)) == SMALLEST
    passages = np.concatenate([NOISE[0], NOISE[1]])
    assert re.chance_of_retrieval(NOISE[0] + 0.5 * NOISE[2], passages, retrieval(60)) == SMALLEST


def test_chance_is_chance() -> None:
    """Without structure p is spread evenly: about a tenth lies below a tenth, and none below a thousandth."""
    _, names = drawn()
    grades = np.arange(60.0)
    passages = np.concatenate([NOISE[0], NOISE[1]])
    for found in (
        [re.chance_of_topics(noise, names) for noise in NOISE[2:]],
        [re.chance_of_pairs(noise[:, 0], pairs(grades)) for noise in NOISE[2:]],
        [re.chance_of_retrieval(noise, passages, retrieval(60)) for noise in NOISE[2:]],
    ):
        assert min(found) > 0.001
        assert 0.3 < np.mean(found) < 0.7


def test_nan_is_no_better_than_chance() -> None:
    vectors, names = drawn()
    vectors[0] = np.nan
    assert re.chance_of_topics(vectors, names) == 1
    assert np.isnan(re.draw_aucs(vectors, names)).all()
    assert re.chance_of_pairs(np.full(5, np.nan), pairs(np.arange(5.0))) == 1
    assert re.chance_of_retrieval(vectors, np.concatenate([NOISE[0], NOISE[1]]), retrieval(60)) == 1
    assert math.isnan(re.surely_worse(np.array([np.nan, 1.0]), np.ones(2)))


def test_surely_worse() -> None:
    """A model is never worse than itself; a plainly worse one is; one that only might be is not."""
    vectors, names = drawn(noise=1)
    right = re.draw_aucs(vectors, names)
    assert re.surely_worse(right, right) == 0
    assert re.surely_worse(re.draw_aucs(NOISE[0], names), right) > 0.1  # measured 0.21
    assert re.surely_worse(re.draw_aucs(vectors + 0.3 * NOISE[0], names), right) < 0.02
    assert re.surely_worse(right, re.draw_aucs(NOISE[0], names)) == 0


def test_draws_of_auc_are_those_of_drawn_texts() -> None:
    """A drawn AUC is that of the drawn texts, with a text never paired with itself."""
    vectors, names = drawn(12, 2)
    draws, weights = re.draw_aucs(vectors, names), re.draw_weights(12)
    cosines = np.rint(sim.unit(vectors) @ sim.unit(vectors).T * 1e6)
    for row in (0, 1, 2):
        texts = np.repeat(np.arange(12), weights[row].astype(int))
        same: list[float] = []
        different: list[float] = []
        for i, one in enumerate(texts):
            for other in texts[i + 1 :]:
                if one != other:
                    (same if names[one] == names[other] else different).append(cosines[one, other])
        wins = [(a > b) + (a == b) / 2 for a in same for b in different]
        assert draws[row] == pytest.approx(np.mean(wins))


def test_draws_lie_about_the_measurement() -> None:
    vectors, names = drawn()
    low, high = re.band(re.draw_aucs(vectors, names))
    assert low < sim.topic_auc(vectors, names) < high
    grades = np.arange(60.0)
    found = grades + 20 * NOISE[0][:, 0]
    low, high = re.band(re.draw_spearman(found, pairs(grades)))
    assert low < spearman(found, grades) < high
    low, high = re.band(re.draw_means(grades))
    assert low < grades.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * grades.std() / math.sqrt(60), rel=0.1)


def test_large_sets_are_sampled_the_same_way_each_time() -> None:
    assert len(re.sample(10_000)) == re.SAMPLE
    np.testing.assert_array_equal(re.sample(10_000), re.sample(10_000))
    np.testing.assert_array_equal(re.sample(7), np.arange(7))
