"""Permutation and bootstrap: they find what is there, and nothing where nothing is."""

import math
from pathlib import Path

import numpy as np
import pytest

from embedding_gate.data.labelled import Pairs
from embedding_gate.data.retrieval import Retrieval
from embedding_gate.metrics import resampling as re
from embedding_gate.metrics import similarity as sim
from embedding_gate.metrics.ranking import cosines_by_query, spearman
from tests.support.topics import drawn

NOISE = [np.random.default_rng(seed).normal(size=(60, 12)) for seed in range(10)]
SMALLEST = 1 / (1 + re.PERMUTATIONS)


def pairs(grades: np.ndarray) -> Pairs:
    return Pairs(("",) * len(grades), ("",) * len(grades), grades, "")


def retrieval(queries: int) -> Retrieval:
    """Build a set in which passage i answers query i, and there are twice as many passages."""
    rows = np.arange(queries)
    return Retrieval(Path(), ("q",) * queries, 2 * queries, rows, rows, np.ones(queries), "")


def p_of_rankings(queries: np.ndarray, passages: np.ndarray) -> float:
    return re.chance_of_retrieval(cosines_by_query(queries, passages), retrieval(len(queries)))


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
    assert p_of_rankings(NOISE[0] + 0.5 * NOISE[2], passages) == SMALLEST


def test_chance_is_chance() -> None:
    """Without structure p is spread evenly: about a tenth lies below a tenth, and none below a thousandth."""
    _, names = drawn()
    grades = np.arange(60.0)
    passages = np.concatenate([NOISE[0], NOISE[1]])
    for found in (
        [re.chance_of_topics(noise, names) for noise in NOISE[2:]],
        [re.chance_of_pairs(noise[:, 0], pairs(grades)) for noise in NOISE[2:]],
        [p_of_rankings(noise, passages) for noise in NOISE[2:]],
    ):
        assert min(found) > 0.001
        assert 0.3 < np.mean(found) < 0.7


def test_nan_is_no_better_than_chance() -> None:
    vectors, names = drawn()
    vectors[0] = np.nan
    assert re.chance_of_topics(vectors, names) == 1
    assert np.isnan(re.draw_aucs(vectors, names)).all()
    assert re.chance_of_pairs(np.full(5, np.nan), pairs(np.arange(5.0))) == 1
    assert p_of_rankings(vectors, np.concatenate([NOISE[0], NOISE[1]])) == 1
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
    assert len(re.sample(10_000)) == 10 * re.SAMPLE
    np.testing.assert_array_equal(re.sample(10_000), re.sample(10_000))
    np.testing.assert_array_equal(re.sample(7), np.arange(7))


def test_large_sets_of_topics_are_sampled_by_topic() -> None:
    """Whole topics stay together, so that there are pairs of one topic in the sample, however many topics."""
    many = [f"c{number // 2}" for number in range(10_000)]
    chosen = re.sample_of_topics(many)
    assert len(chosen) == 2 * (re.SAMPLE // 4)
    assert (np.bincount(chosen // 2)[chosen // 2] == 2).all()
    two = ["a"] * 9000 + ["b"] * 1000
    assert np.bincount(re.sample_of_topics(two) // 9000).tolist() == [re.SAMPLE // 2] * 2
    perfect = np.eye(5000, dtype=np.float32)[np.arange(10_000) // 2]
    assert re.chance_of_topics(perfect, many) == SMALLEST
    draws = re.draw_aucs(perfect, many)
    assert re.surely_worse(draws, draws) == 0


@pytest.mark.parametrize("labels", ["aabb", "aabbb", "aaabbb", "aabbcc", "aaaaaaabbbbbbb"])
def test_least_p_of_topics(labels: str) -> None:
    """It is what vectors get that tell topics apart perfectly."""
    perfect = np.eye(3)[["abc".index(label) for label in labels]]
    least = re.least_p_of_topics(tuple(labels))
    assert re.chance_of_topics(perfect, tuple(labels)) == pytest.approx(max(least, SMALLEST), rel=0.2)


@pytest.mark.parametrize("grades", [[1, 2, 3], [1, 1, 2, 3], [1, 2, 3, 4, 5], [0] * 7 + [1] * 7])
def test_least_p_of_pairs(grades: list[float]) -> None:
    found = re.chance_of_pairs(np.array(grades, float), pairs(np.array(grades, float)))
    assert found == pytest.approx(max(re.least_p(grades), SMALLEST), rel=0.2)


@pytest.mark.parametrize("queries", [2, 4, 5, 9])
def test_least_p_of_retrieval(queries: int) -> None:
    of = retrieval(queries)
    perfect = np.eye(2 * queries)[:queries]
    found = re.chance_of_retrieval(iter(perfect), of)
    assert found == pytest.approx(max(re.least_p_of_retrieval(of), SMALLEST), rel=0.2)


def test_least_p_of_texts() -> None:
    names = ("a", "a", "a", "b", "b")
    found = re.chance_of_texts(NOISE[0][:5], NOISE[0][:5], names)[""]
    assert found == pytest.approx(re.least_p_of_texts(names), rel=0.2)


def test_draws_in_which_nothing_can_be_compared_are_left_out() -> None:
    """One grade above many alike: some draws miss it, and say nothing of either model."""
    grades = np.array([5.0] + [0.0] * 24)
    draws = re.draw_spearman(NOISE[0][:25, 0], pairs(grades))
    assert 0.2 < np.isnan(draws).mean() < 0.5
    assert re.surely_worse(draws, draws) == 0
    one = draws.copy()
    one[np.nanargmax(draws)] = np.nan  # undefined where the other is not: that is the vectors' fault
    assert math.isnan(re.surely_worse(one, draws))


def test_texts_are_held_to_their_vectors() -> None:
    """Vectors on other texts of the same topic, and topics exchanged whole, agree with nothing."""
    draw = np.random.default_rng(3)
    names = tuple(f"c{number // 12}" for number in range(48))
    vectors = np.array([np.eye(4)[number // 12].repeat(6) + draw.normal(size=24) for number in range(48)])
    other = vectors @ draw.normal(size=(24, 40)) + 0.5 * draw.normal(size=(48, 40))
    found = re.chance_of_texts(other, vectors, names)
    assert found == dict.fromkeys(["", "c0", "c1", "c2", "c3"], SMALLEST)
    moved = np.concatenate([np.roll(np.arange(start, start + 12), 1) for start in range(0, 48, 12)])
    assert re.chance_of_texts(other[moved], vectors, names)[""] > 0.01
    exchanged = np.concatenate([np.arange(12, 24), np.arange(12), np.arange(24, 48)])
    found = re.chance_of_texts(other[exchanged], vectors, names)
    assert min(found["c0"], found["c1"]) > 0.01
    assert max(found["c2"], found["c3"]) == SMALLEST
    assert re.chance_of_texts(other * np.nan, vectors, names) == {"": 1.0}
