"""What is said of two trees' vectors, on planted changes."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate import own_files
from embedding_gate.data.sets import Sets
from embedding_gate.metrics.vector_change import VectorChange, change
from embedding_gate.subjects.embedded import embed_sets
from tests.support.few_draws import few_draws  # noqa: F401

Vectors = list[NDArray[np.float32]]


@pytest.fixture(scope="module")
def sets() -> Sets:
    return own_files.slice_of_sets()


@pytest.fixture(scope="module")
def vectors(sets: Sets) -> Vectors:
    """Goldens of the gate's model; of pairs and retrieval as many as the slice has."""
    golden = own_files.golden("all-MiniLM-L6-v2")
    assert golden is not None
    whole = own_files.sets()
    queries, passages = golden.sets[whole.retrieval.sha256]
    assert sets.retrieval.only is not None
    of_pairs = [of[: len(sets.pairs.grades)] for of in golden.sets[whole.pairs.sha256]]
    asked = queries[: len(sets.retrieval.queries)]
    return [*golden.sets[whole.topics.sha256], *of_pairs, asked, passages[sets.retrieval.only]]


def changed(vectors: Vectors, part: int, row: int, value: NDArray[np.float32]) -> Vectors:
    """Put another vector in the place of one."""
    after = [of.copy() for of in vectors]
    after[part][row] = value
    return after


def test_identical_is_said_of_bits_alone(vectors: Vectors, sets: Sets) -> None:
    texts = sum(map(len, vectors))
    found = change(vectors, [of.copy() for of in vectors], sets)
    assert found == VectorChange(True, texts, 1.0, "", (), 0)  # noqa: FBT003
    assert found.lines() == [f"  vectors: identical, bit for bit, of {texts} texts"]
    least = vectors[0][3].copy()
    least[7] = np.nextafter(least[7], np.float32(1))
    almost = change(vectors, changed(vectors, 0, 3, least), sets)
    assert not almost.identical
    assert almost.least_cosine == pytest.approx(1, abs=1e-12)
    assert almost.moved == ()
    assert almost.neighbours_changed == 0
    zero, minus_zero = vectors[0][3].copy(), vectors[0][3].copy()
    zero[7], minus_zero[7] = 0.0, -0.0
    before, after = (changed(vectors, 0, 3, one) for one in (zero, minus_zero))
    assert np.array_equal(before[0], after[0])
    assert not change(before, after, sets).identical


def test_one_text_of_another_meaning(vectors: Vectors, sets: Sets) -> None:
    """The query with another's vector: its nearest text and the retrieval metric move, the topics do not."""
    found = change(vectors, changed(vectors, 3, 1, -vectors[3][1]), sets)
    assert found.worst == "queries 2"
    assert found.least_cosine == pytest.approx(-1)
    assert found.neighbours_changed
    assert found.neighbours_changed >= 1
    (moved,) = found.moved
    assert moved.metric == "retrieval (nDCG@10)"
    assert moved.after < moved.before
    assert moved.low <= moved.after - moved.before <= moved.high
    assert moved.high <= 0
    assert "queries 2" in found.lines()[0]
    assert found.lines()[1].startswith("    retrieval (nDCG@10): ")


def test_the_interval_is_paired(vectors: Vectors, sets: Sets) -> None:
    """Noise moves each metric a little; its interval is far narrower than that of the metric itself."""
    draw = np.random.default_rng(0)
    after = [of + draw.normal(0, 2e-3, of.shape).astype(np.float32) for of in vectors]
    found = change(vectors, after, sets)
    names = [one.metric for one in found.moved]
    assert {"topic auc", "cohesion", "separation", "anisotropy", "pairs (Spearman)"} <= set(names)
    for one in found.moved:
        assert one.low <= one.after - one.before <= one.high
        assert one.high - one.low < 0.15


def test_every_metric_is_seen_to_move(vectors: Vectors, sets: Sets) -> None:
    after = [of[::-1].copy() for of in vectors]
    names = {one.metric for one in change(vectors, after, sets).moved}
    assert len(names) == 6  # texts in another order: all but what no order changes
    assert "anisotropy" not in names


def test_what_cannot_be_compared_says_so(vectors: Vectors, sets: Sets) -> None:
    shorter = change(vectors, [of[:, :256] for of in vectors], sets)
    assert math.isnan(shorter.least_cosine)
    assert shorter.as_data()["least_cosine"] is None
    assert shorter.neighbours_changed is None
    assert shorter.as_data()["moved"]
    broken = change(vectors, changed(vectors, 0, 0, np.full(384, np.nan, np.float32)), sets)
    assert broken.worst == "topics 1"
    assert broken.as_data()["least_cosine"] is None
    assert {one["metric"] for one in broken.as_data()["moved"] if one["after"] is None} >= {"anisotropy"}


def test_each_part_is_encoded_with_its_prompt(sets: Sets) -> None:
    class Encoder:
        dimension, max_tokens, prompts = 2, 9, frozenset({"query"})
        asked: set[tuple[str | None, str]] = set()  # noqa: RUF012

        def encode(self, texts: list[str], *, prompt_name: str | None) -> NDArray[np.float32]:
            self.asked |= {(prompt_name, text) for text in texts}
            return np.ones((len(texts), 2), np.float32)

        def tokenize(self, texts: list[str], *, prompt_name: str | None) -> "Encoder":  # noqa: ARG002
            return self

        dropped = np.zeros(1)

    found = embed_sets(Encoder(), sets)
    assert [len(of) for of in found] == [
        len(sets.topics.texts),
        *2 * [len(sets.pairs.grades)],
        len(sets.retrieval.queries),
        sets.retrieval.count,
    ]
    assert {text for name, text in Encoder.asked if name} == set(sets.retrieval.queries)
