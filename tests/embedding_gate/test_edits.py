"""The check of edited texts: what an edit is, who is a stranger, and how far is too far."""

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.checks import test_edits
from embedding_gate.checks.test_edits import edited, farthest, moved, strangers


def test_an_edited_text() -> None:
    text = "one two three four five"
    assert (edited(text, 4), edited(text, 2)) == ("one, two three four five", "one two, three four five")
    assert (edited("word", 4), edited("", 2)) == ("word,", ",")


def test_strangers_say_something_else() -> None:
    texts = ["Page 1 of the annual report.", "Page 2 of the annual report.", "A dog barked all night.", ""]
    np.testing.assert_array_equal(~strangers(texts)[:2, :2], [[True, True], [True, True]])
    assert strangers(texts)[2].tolist() == [True, True, False, True]


def test_how_far_an_edit_went() -> None:
    """Half as far as the next text, as far, further; and NaN is no number."""
    vectors = np.eye(3)
    apart = ~np.eye(3, dtype=bool)
    near, between = np.array([0.96, 0.28, 0.0]), np.array([0.0, 1.0, 1.0])
    found = moved(vectors, np.array([near, between, vectors[0]]), np.arange(3), apart)
    np.testing.assert_allclose(found[:2], [0.04 / 0.72, 1.0])
    assert found[2] == np.inf
    assert np.isnan(moved(vectors, np.full((3, 3), np.nan), np.arange(3), apart)).all()
    np.testing.assert_allclose(moved(vectors, between[None], np.array([1]), apart), 1.0)


@pytest.mark.parametrize("at_once", [1, 2, 16])
def test_the_farthest_is_that_of_all_texts(monkeypatch: pytest.MonkeyPatch, at_once: int) -> None:
    """It is what both edits of every text would give, though few texts are edited twice."""
    monkeypatch.setattr(test_edits, "AT_ONCE", at_once)
    draw = np.random.default_rng(0)
    for _ in range(200):
        first, other = draw.random((2, 20)).round(1)
        first[draw.random(20) < 0.02] = np.nan
        asked = list[int]()

        def second(some: NDArray[np.int64], other: NDArray[np.float64] = other) -> NDArray[np.float64]:
            asked.extend(some.tolist())  # noqa: B023
            return other[some]

        far, whose = farthest(first, second)
        nearer = np.minimum(first, other)
        np.testing.assert_equal(far, nearer.max())
        np.testing.assert_equal(nearer[whose], far)
        assert len(asked) == len(set(asked))


def test_most_texts_are_edited_once() -> None:
    asked = list[int]()

    def second(some: NDArray[np.int64]) -> NDArray[np.float64]:
        asked.extend(some.tolist())
        return np.full(len(some), 0.5)

    assert farthest(np.linspace(0, 1, 100), second)[0] == 0.5
    assert sorted(asked) == list(range(36, 100))  # whole batches of those that may be farther than 0.5
