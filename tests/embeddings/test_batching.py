"""Batches: every text once, under the budget, longest first."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from embeddings.batching import pad, shared_budget, token_batches


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_every_text_once_and_under_the_budget(lengths: list[int], budget: int) -> None:
    batches = list(token_batches(np.array(lengths, dtype=np.int64), budget))
    assert sorted(int(row) for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        longest = max(lengths[row] for row in rows)
        assert len(rows) * longest <= budget or len(rows) == 1
    longest_of = [max(lengths[row] for row in rows) for rows in batches]
    assert longest_of == sorted(longest_of, reverse=True)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=60), st.integers(1, 200), st.integers(1, 8))
def test_a_shared_budget_is_no_larger(lengths: list[int], budget: int, cores: int) -> None:
    assert shared_budget(np.array(lengths), budget, cores) <= budget
    assert shared_budget(np.array(lengths), budget, 1) == budget


def test_each_core_gets_a_share() -> None:
    """Texts of one length; by hand."""
    for count, length, batches in ((32, 16, 2), (8, 64, 2), (2, 16, 2), (1, 16, 1), (32, 64, 4), (3, 256, 2)):
        lengths = np.full(count, length)
        sizes = [len(rows) for rows in token_batches(lengths, shared_budget(lengths, 768, 2))]
        assert len(sizes) == batches, (count, length)
        assert max(sizes) - min(sizes) <= 1


def test_pad() -> None:
    rows = [np.array([5, 6, 7], dtype=np.int32), np.array([8], dtype=np.int32)]
    np.testing.assert_array_equal(pad(rows), [[5, 6, 7], [8, 0, 0]])
