"""Rounds and audits on trees that take a known time of a clock that nothing else moves."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.against.comparison import rows_of
from benchmarks.against.generation import Benchmark, Measured
from benchmarks.against.rounds import BENCHMARKS, GENERATIONS, ROUNDS, measure
from embedding_gate.serving import pack
from embeddings.tokens import TokenizedTexts

SHORT = Benchmark("short", 4, 8)
ALL = (SHORT, Benchmark("one", 1, 8), Benchmark("cached", 4, 8, cached=True))


class Clock:
    """A clock that stands still but for what is said to take time."""

    def __init__(self) -> None:
        self.now, self.turns = 0.0, list[str]()

    def __call__(self) -> float:
        """Return the seconds that were said to pass."""
        return self.now


class Fake:
    """A tree: a token is a word, and takes a millisecond times ``pace``."""

    dimension, max_tokens = 3, 64

    def __init__(self, name: str, clock: Clock, pace: float = 1.0) -> None:
        self.name, self.clock, self.pace = name, clock, pace
        self.seen: list[list[str]] = []
        self.held: list[list[str]] = []
        self.times = 1

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Answer as a worker does."""
        found: dict[str, Any] = getattr(self, do)(**request)
        return found

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:  # noqa: ARG002
        """A token is a word."""
        ids = [np.zeros(len(text.split()), np.int32) for text in texts]
        return TokenizedTexts(ids, np.zeros(len(ids), np.int64))

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:  # noqa: ARG002
        """Put a text's length and first letter on the circle."""
        angles = np.array([len(text) + ord(text[0]) / 100 for text in texts])
        return np.stack([np.cos(angles), np.sin(angles), 0 * angles], axis=1).astype(np.float32)

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:  # noqa: ARG002
        """Take texts."""
        self.held, self.times = batches, times
        self.seen.append([text for batch in batches for text in batch])
        return {"tokens": self.count(self.seen[-1])}

    def count(self, texts: list[str]) -> int:
        """Count real tokens."""
        return int(self.tokenize(texts).lengths.sum())

    def cost(self) -> float:
        """Seconds of a turn."""
        tokens = sum(len(text.split()) for batch in self.held for text in batch)
        return self.times * tokens * 1e-3 * self.pace

    def run(self) -> dict[str, Any]:
        """Pass the time of what is held."""
        self.clock.now += self.cost()
        self.clock.turns.append(self.name)
        return {}

    def look(self, call: int) -> dict[str, Any]:
        """Return vectors."""
        return pack(self.encode(self.held[call % len(self.held)]))

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Return what was worked on."""
        return {"tokens": self.count(texts), "bits": 32}


def run(kind: type[Fake] = Fake, pace: float = 1.0, **given: Any) -> tuple[list[Fake], dict[str, Measured]]:
    """Measure a base, a tree of that kind and pace, and the base again."""
    clock = Clock()
    arms = [Fake("base", clock), kind("ours", clock, pace), Fake("again", clock)]
    return arms, measure(lambda: nullcontext(arms), given.pop("benchmarks", ALL), clock=clock, **given)


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


class Cached(Fake):
    """It keeps what it has computed, and takes half as long for it."""

    known: tuple[str, ...] = ()

    def cost(self) -> float:
        """Take less for the texts of the last turn."""
        texts = tuple(text for batch in self.held for text in batch)
        before, self.known = self.known, texts
        return super().cost() * (0.5 if texts == before else 1.0)


class CutOff(Fake):
    """It works on half of the tokens."""

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Tell so."""
        return {"tokens": self.count(texts) // 2, "bits": 32}


class Miscounted(Fake):
    """It takes texts for shorter than they are."""

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:
        """Count half of the tokens."""
        return {"tokens": super().hold(batches, times=times, cached=cached)["tokens"] // 2}


class Halved(Fake):
    """It computes in half precision."""

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Tell so."""
        return super().spy(texts) | {"bits": 16}


class Stale(Fake):
    """Its timed vectors are of other texts."""

    def look(self, call: int) -> dict[str, Any]:  # noqa: ARG002
        """Return the same again and again."""
        return pack(self.encode([f"{'x' * n}" for n in range(1, 1 + len(self.held[0]))]))


class TooFew(Fake):
    """It leaves a text out."""

    def look(self, call: int) -> dict[str, Any]:
        """Return one vector less."""
        return pack(self.encode(self.held[call][1:]))


class NotUnit(Fake):
    """Its vectors are all zero."""

    def look(self, call: int) -> dict[str, Any]:
        """Return zeros."""
        return pack(0 * self.encode(self.held[call]))


class NoFloats(Fake):
    """It returns no vectors."""

    def look(self, call: int) -> dict[str, Any]:  # noqa: ARG002
        """Return None, as NumPy takes it."""
        return pack(None)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Cached, "ours: repeated texts: 2.00 times as fast as new ones"),
        (CutOff, "ours: real tokens: 16 in place of 32; the trees do other work"),
        (Miscounted, "ours: real tokens: 16 in place of 32; the trees do other work"),
        (Halved, "ours: precision: 16 bits, not 32: not comparable"),
        (Stale, "ours: untimed vectors: stray by "),
        (TooFew, "ours: encode: gave float32 (3, 3); float32 (4, 3)"),
        (NotUnit, "ours: encode: a vector has length 0"),
        (NoFloats, "ours: encode: gave object []"),
    ],
)
def test_a_tree_that_breaks_the_rules(kind: type[Fake], words: str) -> None:
    _, found = run(kind, benchmarks=[SHORT], call=0.032)
    faults = found["short"].faults
    assert len(faults) == 1
    assert faults[0].startswith(words)


def test_what_is_cached_on_purpose_is_no_fault() -> None:
    _, found = run(Cached)
    assert {name: bool(one.faults) for name, one in found.items()} == {
        "short": True,
        "one": True,
        "cached": False,
    }


def test_no_text_is_longer_than_a_tree_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "max_tokens", 12)
    arms, found = run(benchmarks=BENCHMARKS)
    assert all(len(text.split()) == 12 for texts in arms[1].seen for text in texts)
    assert not any(one.faults for one in found.values())
