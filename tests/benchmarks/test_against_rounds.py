"""Rounds on trees that take a known time of a clock that nothing else moves."""

import math

import numpy as np
import pytest

from benchmarks.against.comparison import rows_of
from benchmarks.against.rounds import GENERATIONS, ROUNDS
from tests.support.fake_trees import ALL, SHORT, Fake, run


def test_ratios_are_the_true_ones() -> None:
    _, found = run(pace=1.25)
    for one in found.values():
        assert one.faults == []
        assert np.allclose(one.log_ratios("ours", "base"), math.log(1.25))
        assert np.allclose(one.log_ratios("again", "base"), 0)


@pytest.mark.parametrize(
    ("pace", "outcome", "words"),
    [
        (0.8, "pass", "faster: surely 20% to 20% less time"),
        (1.25, "FAIL", "slower: surely 25% to 25% more time"),
    ],
)
def test_what_becomes_of_a_pace(pace: float, outcome: str, words: str) -> None:
    """From turns to rows: a tree that only gets faster is green and says by how much."""
    _, found = run(pace=pace)
    rows = rows_of(found, dict.fromkeys(found, 0.1), "ours", "base", "again")
    assert [(row.outcome, row.evidence) for row in rows] == [(outcome, words)] * len(ALL)


def test_turns_mirror_each_other_and_the_first_changes() -> None:
    arms, _ = run(benchmarks=[SHORT])
    turns = arms[0].clock.turns[-ROUNDS * 6 :]
    rounds = [turns[start : start + 6] for start in range(0, len(turns), 6)]
    assert ["base", "ours", "again", "again", "ours", "base"] in rounds
    assert all(turn == turn[::-1] for turn in rounds)
    assert {turn[0] for turn in rounds} == {"base", "ours", "again"}


class Drifting(Fake):
    """The machine slows down by the same from turn to turn, whoever's turn it is."""

    def cost(self) -> float:
        """Take longer each time."""
        return 0.05 + 1e-4 * len(self.clock.turns)


def test_a_drift_meets_all_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "cost", Drifting.cost)
    _, found = run(benchmarks=[SHORT])
    assert np.allclose(found["short"].log_ratios("ours", "base"), 0, atol=1e-12)


def test_all_trees_get_the_same_new_texts() -> None:
    arms, _ = run()
    ours, base = arms[1].seen, arms[0].seen
    assert ours == base
    assert len(ours) >= GENERATIONS * ROUNDS * len(ALL)
    flat = [text for texts in ours for text in texts]
    assert len(flat) == len(set(flat))
    assert all(len(text.split()) == 8 for text in flat)


def test_a_turn_lasts() -> None:
    """As many calls as fill it, of new texts or of the same lookup."""
    arms, found = run(call=0.32)
    assert {name: one.calls for name, one in found.items()} == {"short": 10, "one": 40, "cached": 10}
    assert len(arms[1].seen[-2]) == 40  # one text each
    assert len(arms[1].seen[-1]) == 4  # looked up ten times
