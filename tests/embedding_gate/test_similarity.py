"""Similarity of texts by topic, worked by hand and beside scikit-learn."""

import math

import numpy as np
import pytest
from sklearn.metrics import pairwise_distances, roc_auc_score
from sklearn.neighbors import KNeighborsClassifier

from embedding_gate.metrics import similarity as sim
from tests.support.topics import drawn

# Two categories of two, and an outlier, in the plane:  a: 0 and 60 degrees;  b: 90 and 180;  outlier: 270.
ANGLES = np.radians([0, 60, 90, 180, 270])
PLANE = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1) * [[1], [2], [3], [4], [5]]  # of any length
NAMES = ("a", "a", "b", "b", "outlier")


def test_by_hand() -> None:
    assert sim.intra_category_similarities(PLANE, NAMES) == pytest.approx({"a": 0.5, "b": 0.0})
    # cosines between categories: 0-90: 0, 0-180: -1, 60-90: sqrt(3)/2, 60-180: -1/2
    assert sim.inter_category_similarity(PLANE, NAMES) == pytest.approx((math.sqrt(3) / 2 - 1.5) / 4)
    # with the outlier's: 0-270: 0, 60-270: -sqrt(3)/2, 90-270: -1, 180-270: 0
    assert sim.anisotropy(PLANE) == pytest.approx(
        (0.5 + 0 + math.sqrt(3) / 2 - 1.5 - math.sqrt(3) / 2 - 1) / 10
    )
    # pairs of one category 0.5 and 0; of two 0, -1, 0.87, -0.5: 0.5 beats three, 0 beats two and ties one
    assert sim.topic_auc(PLANE, NAMES) == pytest.approx((3 + 2.5) / 8)
    # nearest of 0: 60 (a, right); of 60: 90 (b, wrong); of 90: 60 (a, wrong); of 180: 90 (b, right)
    np.testing.assert_allclose(sim.nearest_neighbour_hits(PLANE, NAMES), [1, 0, 0, 1])


def test_beside_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    """The closed forms and blocks give what the full matrix gives."""
    monkeypatch.setattr(sim, "_CELLS", 7 * 60)
    vectors, names = drawn()
    cosines = 1 - pairwise_distances(vectors, metric="cosine")
    one, other = np.triu_indices(len(names), 1)
    same = np.array([names[i] == names[j] for i, j in zip(one, other, strict=True)])
    assert sim.topic_auc(vectors, names) == pytest.approx(
        roc_auc_score(same, np.rint(cosines[one, other] * 1e6)), abs=1e-12
    )
    assert sim.anisotropy(vectors) == pytest.approx(cosines[one, other].mean())
    assert sim.inter_category_similarity(vectors, names) == pytest.approx(cosines[one, other][~same].mean())
    for name, value in sim.intra_category_similarities(vectors, names).items():
        of = np.flatnonzero([other_name == name for other_name in names])
        inside = cosines[np.ix_(of, of)]
        assert value == pytest.approx(inside[np.triu_indices(len(of), 1)].mean())
    nearest = (
        KNeighborsClassifier(1, metric="cosine").fit(vectors, names).kneighbors(return_distance=False)[:, 0]
    )
    expected = [names[row] == names[near] for row, near in enumerate(nearest)]
    np.testing.assert_array_equal(sim.nearest_neighbour_hits(vectors, names), expected)


def test_weights_count_texts() -> None:
    """A text of weight 2 counts as two texts, but is never paired with itself."""
    vectors, names = drawn(20, 2)
    weights = np.arange(20.0) % 3
    repeated = np.repeat(np.arange(20), weights.astype(int))
    cosines = 1 - pairwise_distances(vectors[repeated], metric="cosine")
    pairs = repeated[:, None] != repeated
    assert sim.anisotropy(vectors, weights) == pytest.approx(cosines[pairs].mean())
    of = np.array([names[row] for row in repeated])
    apart = of[:, None] != of
    assert sim.inter_category_similarity(vectors, names, weights) == pytest.approx(cosines[apart].mean())
    found = sim.intra_category_similarities(vectors, names, weights)
    for name in found:
        chosen = pairs & (of[:, None] == name) & (of == name)
        assert found[name] == pytest.approx(cosines[chosen].mean())


def test_equal_vectors_tie() -> None:
    """A constant vector is at chance, whatever the order of the texts."""
    constant = np.ones((12, 5)) / 3
    names = tuple("aaaaaabbbbbb")
    assert sim.topic_auc(constant, names) == 0.5
    np.testing.assert_allclose(sim.nearest_neighbour_hits(constant, names), 5 / 11)


def test_single_members_and_single_categories() -> None:
    vectors, _ = drawn(4)
    assert list(sim.intra_category_similarities(vectors, tuple("abbc"))) == ["b"]
    assert len(sim.nearest_neighbour_hits(vectors, tuple("abbc"))) == 2
    assert math.isnan(sim.inter_category_similarity(vectors, tuple("aaaa")))
    assert math.isnan(sim.topic_auc(vectors, tuple("aaaa")))
    assert math.isnan(sim.anisotropy(vectors[:1]))


@pytest.mark.parametrize("bad", [np.nan, np.inf, 0.0])
def test_a_bad_vector_makes_every_figure_nan(bad: float) -> None:
    vectors, names = drawn()
    vectors[3] = bad
    assert math.isnan(sim.anisotropy(vectors))
    assert math.isnan(sim.inter_category_similarity(vectors, names))
    assert math.isnan(sim.intra_category_similarities(vectors, names)[names[3]])
    assert math.isnan(sim.topic_auc(vectors, names))
    assert np.isnan(sim.nearest_neighbour_hits(vectors, names)).all()
    assert sim.shared_vectors(vectors, [str(row) for row in range(60)], 1e-4)[3]


def test_distinct_texts() -> None:
    """Only different texts must differ; case, accents and white space do not make a text different."""
    vectors = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    texts = ["a cafe", "A  Café ", "tea", "milk", "a cafe"]
    np.testing.assert_array_equal(
        sim.shared_vectors(vectors, [sim.folded(text) for text in texts], 1e-4), [0, 0, 1, 1, 0]
    )


def test_mean_norm() -> None:
    assert sim.mean_norm_error(np.array([[3.0, 4.0], [0.0, 5.0]])) == pytest.approx(4)
    assert sim.mean_norm_error(np.array([[1.1, 0.0], [0.0, 0.9]])) == pytest.approx(0.1)
    assert math.isnan(sim.mean_norm_error(np.array([[np.nan, 1.0]])))
