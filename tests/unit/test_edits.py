"""The check of edited texts: what an edit is, who is a stranger, and how far is too far."""

import numpy as np

from tests.quality.test_edits import edits, moved, strangers


def test_an_edited_text() -> None:
    assert edits("one two three four five") == ("one, two three four five", "one two, three four five")
    assert edits("word") == ("word,", "word,")


def test_strangers_say_something_else() -> None:
    texts = ["Page 1 of the annual report.", "Page 2 of the annual report.", "A dog barked all night.", ""]
    np.testing.assert_array_equal(~strangers(texts)[:2, :2], [[True, True], [True, True]])
    assert strangers(texts)[2].tolist() == [True, True, False, True]


def test_how_far_an_edit_went() -> None:
    """Half as far as the next text, as far, further; and NaN is no number."""
    vectors = np.eye(3)
    apart = ~np.eye(3, dtype=bool)
    near, between = np.array([0.96, 0.28, 0.0]), np.array([0.0, 1.0, 1.0])
    found = moved(vectors, np.array([near, between, vectors[0]]), apart)
    np.testing.assert_allclose(found[:2], [0.04 / 0.72, 1.0])
    assert found[2] == np.inf
    assert np.isnan(moved(vectors, np.full((3, 3), np.nan), apart)).all()
