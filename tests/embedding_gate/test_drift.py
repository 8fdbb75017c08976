"""How far vectors lie from an origin's, on planted changes."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate import own_files
from embedding_gate.data.labelled import Topics
from embedding_gate.data.sets import Sets
from embedding_gate.metrics.drift import Drift, drift, neighbours_kept
from tests.faults.slices import golden_of
from tests.support.few_draws import few_draws  # noqa: F401

Vectors = list[NDArray[np.float32]]
MODEL = "all-MiniLM-L6-v2"
METRICS = ["topic auc", "nearest neighbour", "pairs (Spearman)", "retrieval (nDCG@10)"]


@pytest.fixture(scope="module")
def sets() -> Sets:
    return own_files.slice_of_sets()


@pytest.fixture(scope="module")
def vectors(sets: Sets) -> Vectors:
    """Goldens of the gate's model for each part of the sets."""
    golden = golden_of(MODEL)
    assert golden is not None
    return [part for of in sets.all for part in golden.sets[of.sha256]]


def drifted(before: Vectors, after: Vectors, sets: Sets, last: float = 1.0) -> Drift:
    """Compare; two more texts "a" and "b" stay where they are, but for the cosine of the last one."""
    one = np.eye(3, before[0].shape[1], dtype=np.float32)[:2]
    other = np.eye(3, after[0].shape[1], dtype=np.float32)[:2]
    other[1, 1:3] = last, math.sqrt(1 - last**2)
    return drift(before, after, sets, ids=["a", "b"], of_texts=(one, other))


def test_the_same_vectors(vectors: Vectors, sets: Sets) -> None:
    found = drifted(vectors, vectors, sets)
    assert found.texts == 2 + sum(map(len, vectors))
    assert (found.median, found.low, found.least) == pytest.approx((1, 1, 1), abs=1e-12)
    assert found.kept == 1
    assert [one.metric for one in found.metrics] == METRICS
    assert found.worst.surely_worse == 0
    assert [line for line in found.lines() if "->" in line and not line.endswith(", unchanged")] == []


def test_the_text_that_moved_most_comes_first(vectors: Vectors, sets: Sets) -> None:
    after = [of.copy() for of in vectors]
    after[3][1] = -after[3][1]
    found = drifted(vectors, after, sets, last=0.5)
    assert list(found.most)[:2] == ["queries 2", "b"]
    assert len(found.most) == 5
    assert found.most["b"] == pytest.approx(0.5, abs=1e-6)
    assert found.least == pytest.approx(-1)
    assert found.median == pytest.approx(1)
    assert "moved most: queries 2 -1.0000000, b 0.5000000, " in found.lines()[1]
    assert found.kept < 1


def test_the_quantile_is_that_of_one_text_in_a_hundred() -> None:
    """Of all texts: 101 with the cosines 0.00, 0.01 ... 1.00, and those of the sets, which did not move."""
    sets = own_files.slice_of_sets()
    cosines = np.arange(101) / 100
    one = np.tile(np.array([[1, 0]], np.float32), (101, 1))
    other = np.stack([cosines, np.sqrt(1 - cosines**2)], axis=1).astype(np.float32)
    empty = [np.tile(np.array([[1, 0]], np.float32), (part.count, 1)) for part in sets.parts]
    ids = [str(row) for row in range(101)]
    found = drift(empty, empty, sets, ids=ids, of_texts=(one, other))
    rest = np.ones(sum(map(len, empty)))
    assert found.low == pytest.approx(np.quantile(np.concatenate([cosines, rest]), 0.01), abs=1e-6)
    assert list(found.most) == ["0", "1", "2", "3", "4"]


def test_a_loss_of_retrieval_is_sure(vectors: Vectors, sets: Sets) -> None:
    """Queries with each other's vectors: nDCG@10 falls in every draw, and no other metric moves."""
    after = [*vectors[:3], vectors[3][::-1].copy(), vectors[4]]
    found = drifted(vectors, after, sets)
    assert found.worst.metric == "retrieval (nDCG@10)"
    assert found.worst.surely_worse > 0.05
    assert found.worst.high < 0
    line = found.lines()[-1]
    assert line.startswith("retrieval (nDCG@10): ")
    assert f": fell, surely by {found.worst.surely_worse:.4f}" in line
    assert [one.surely_worse for one in found.metrics[:3]] == [0, 0, 0]


def test_a_gain_is_no_loss(vectors: Vectors, sets: Sets) -> None:
    worse = [*vectors[:3], vectors[3][::-1].copy(), vectors[4]]
    found = drifted(worse, vectors, sets)
    assert found.worst.surely_worse == 0
    assert found.lines()[-1].endswith(": rose")


def test_little_noise_may_be_chance(vectors: Vectors, sets: Sets) -> None:
    draw = np.random.default_rng(0)
    after = [of + draw.normal(0, 1e-3, of.shape).astype(np.float32) for of in vectors]
    found = drifted(vectors, after, sets)
    assert found.worst.surely_worse == 0
    assert 0.99 < found.least < found.low < found.median < 0.9999
    assert any(line.endswith(": may be chance") for line in found.lines())


def test_vectors_of_another_length(vectors: Vectors, sets: Sets) -> None:
    """Cosines cannot be told; neighbours and metrics can."""
    found = drifted(vectors, [of[:, :256] for of in vectors], sets)
    assert found.lines()[0] == "the two models' vectors have different lengths"
    assert found.as_data()["median"] is None
    assert 0.3 < found.kept < 1
    assert found.metrics[0].after != found.metrics[0].before


def test_vectors_that_are_not_finite(vectors: Vectors, sets: Sets) -> None:
    """What cannot be told is no pass: the worst metric is NaN."""
    after = [np.full_like(of, np.nan) for of in vectors]
    found = drifted(vectors, after, sets)
    assert math.isnan(found.worst.surely_worse)
    assert math.isnan(found.kept)
    assert found.as_data()["least"] is None
    assert found.lines()[-1].endswith(": cannot be told")


def test_texts_that_are_too_few_to_tell(vectors: Vectors, sets: Sets) -> None:
    """Two pairs and two topics of one text: their metrics are left out, and that is said."""
    topics = Topics(("a", "b"), ("x", "y"), ("one", "two"), "0")
    few = replace(sets, topics=topics, pairs=sets.pairs.first(2))
    found = drifted(cut := [*(of[:2] for of in vectors[:3]), *vectors[3:]], cut, few)
    assert [one.metric for one in found.metrics] == ["retrieval (nDCG@10)"]
    assert found.too_few == ("nearest neighbour", "pairs (Spearman)", "topic auc")
    assert "topic auc: the texts are too few to tell" in found.lines()


def test_neighbours_kept_by_hand() -> None:
    """Twelve passages around a circle: the query's ten nearest lose one if the query turns by one step."""
    angles = np.arange(12) * 0.1
    passages = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    first, turned = passages[:1], passages[11:]
    assert neighbours_kept([first, passages], [first, passages]) == 1
    assert neighbours_kept([first, passages], [turned, passages]) == 0.8
    both = [np.concatenate([first, first]), passages]
    assert neighbours_kept(both, [np.concatenate([first, turned]), passages]) == pytest.approx(0.9)


def test_a_metric_that_cannot_be_told_is_the_worst(vectors: Vectors, sets: Sets) -> None:
    found = drifted(vectors, vectors, sets)
    one, *others = found.metrics
    unknown = replace(
        found, metrics=(replace(others[0], surely_worse=0.5), replace(one, surely_worse=math.nan))
    )
    assert unknown.worst.metric == "topic auc"
