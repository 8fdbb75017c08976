"""What a run asked of a model: the record of its calls, the table, and what is not finite."""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise, product
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.metrics.differences import name_non_finite
from embedding_gate.subjects.calls import Call, judge_calls, smallest
from embedding_gate.subjects.coverage import coverage_table, ranges
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.plan import covering, mixed, numbers_of_texts
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.subjects.recorder import Recorder, note_batch, watched
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import ANY_MODEL, Threshold


class Spoilt:
    """Gives NaN for "nan" and infinity for "inf"."""

    def encode(self, texts: Sequence[str], **_: Any) -> NDArray[np.float32]:
        """(N, 1)."""
        note_batch(np.array([len(text) for text in texts]))
        return np.array([[float(text) if text in ("nan", "inf") else 1.0] for text in texts], np.float32)

    def hidden_states(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """N arrays (1,)."""
        return list(self.encode(texts))

    def with_max_tokens(self, _: int) -> "Spoilt":
        """The same."""
        return self


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def encoder(recorder: Recorder) -> Encoder:
    return watched(cast("Encoder", Spoilt()), recorder)


@pytest.fixture
def gate(recorder: Recorder) -> Gate:
    names = ("one", "two")
    limits = {name: Threshold(name, ANY_MODEL, 0.0, "a test", at_most=1e-6) for name in names}
    return Gate("m", limits, witness=recorder)


def test_non_finite_vectors_are_named() -> None:
    assert name_non_finite(np.ones((3, 2))) == ""
    assert name_non_finite(np.array([[np.nan, 1], [1, 1], [np.inf, np.nan]])) == (
        "NaN in 2 and infinity in 1 of 3 vectors"
    )
    assert name_non_finite([np.array([1.0, -np.inf]), np.array([1])]) == "infinity in 1 of 2 vectors"


def red(gate: Gate, measured: float, call: Callable[[], object] = lambda: None) -> str:
    """Make a call in a check, judge a figure, and return what the red verdict says."""

    def check() -> None:
        with gate.claim(f"test_{'two' if gate.verdicts else 'one'}"):
            call()
            gate.require(measured, evidence="mine")

    with pytest.raises(CheckFailed):
        check()
    return gate.verdicts[-1].evidence


def test_a_red_check_names_what_is_not_finite(encoder: Encoder, gate: Gate) -> None:
    """Also where its figure is a number, and where an earlier check made the call."""
    spoilt = "NaN in 1 of 2 vectors of a call (2 texts)"
    assert red(gate, 1.0, lambda: encoder.encode(["nan", "a"])) == f"{spoilt}; mine"
    assert red(gate, np.nan) == f"{spoilt}; mine"
    assert red(gate, 1.0) == "mine"
    found = red(gate, np.inf, lambda: encoder.with_max_tokens(3).hidden_states(["inf"]))
    assert found == "infinity in 1 of 1 vectors of a call (1 text, hidden states); mine"


def test_calls_are_recorded(encoder: Encoder, recorder: Recorder) -> None:
    recorder.begin("one")
    encoder.encode(["a", "bcd"], truncate_dim=2, cache=object(), prompt=None)
    encoder.encode(["a"])
    first, second = recorder.calls
    assert (first.number, first.claim, first.texts, set(first.options)) == (
        1,
        "one",
        2,
        {"truncate_dim", "cache"},
    )
    assert [lengths.tolist() for lengths in first.batches] == [[1, 3]]
    assert str(first).startswith("2 texts, cache, truncate_dim=2")
    assert (second.number, second.threads >= 1) == (2, True)
    lines = coverage_table(recorder.calls)
    assert lines[0] == "asked of the judged model: 2 calls, 3 texts, 5 tokens"
    assert "padded tokens of a batch 2 1, 6" in {" ".join(line.split()) for line in lines}
    assert "truncate_dim: calls 1 of 2 texts" in {" ".join(line.split()) for line in lines}


def test_ranges() -> None:
    assert ranges([3, 1, 2, 7, 1_023, 1_024]) == "1-3, 7, 1,023-1,024"
    assert ranges(range(1, 41, 2)) == "1, 3, 5, 7, 9, 11, 13, and 12 more, 39"


def test_numbers_of_texts() -> None:
    numbers = numbers_of_texts(10, 4_097)
    assert numbers[:12] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 16]
    assert numbers[-4:] == [2_049, 4_095, 4_096, 4_097]
    assert numbers_of_texts(0, 5) == [1, 2, 3, 4, 5]


def test_neighbours_and_ends_differ() -> None:
    """Whichever vector takes the place of another one, it shows."""
    for number in range(1, 100):
        texts = mixed("abc", number)
        assert len(texts) == number
        assert all(one != other for one, other in pairwise(texts))
        assert number == 1 or texts[0] != texts[-1]


@pytest.mark.parametrize("sizes", [(2,), (3, 2), (5, 2, 2, 4, 2, 2, 3), (2,) * 10])
def test_any_three_values_meet(sizes: Sequence[int]) -> None:
    factors = [range(size) for size in sizes]
    rows = covering(factors)
    for some in combinations(range(len(sizes)), min(3, len(sizes))):
        met = {tuple(row[factor] for factor in some) for row in rows}
        assert met == set(product(*(factors[factor] for factor in some)))
    assert len(rows) < 70  # of 960 and 1,024 in full: measured 61 and 22


def test_the_smallest_call_that_fails() -> None:
    """Threads, options and texts go as long as it fails."""
    call = Call(tuple("abcdefgh"), {"truncate_dim": 2, "cache": 1}, threads=32)
    found = smallest(call, lambda one: "c" in one.texts and "cache" in one.options)
    assert (found.texts, found.options, found.threads) == (("c",), {"cache": 1}, 1)
    assert smallest(call, lambda one: one.threads >= 8).threads == 8
    assert smallest(call, lambda _: False) == call


class Refusing:
    """As much of a subject as decides how its calls are judged."""

    effort = Effort()
    refusal: type[Exception] = LookupError


def test_calls_that_fail_are_named(gate: Gate) -> None:
    """NaN fails, too; a smaller call that the subject refuses does not."""
    calls = [Call(("a",) * size) for size in range(1, 9)]

    def difference(call: Call) -> float:
        if len(call.texts) == 2:
            raise LookupError
        return np.nan if len(call.texts) > 3 else 0.0

    with pytest.raises(CheckFailed) as caught, gate.claim("test_one"):
        judge_calls(Refusing(), gate, [call for call in calls if len(call.texts) != 2], difference)
    assert gate.verdicts[-1].evidence == (
        "wrong in 5 of 7 calls: 4 texts; 5 texts; 6 texts; and 2 more; smallest: 4 texts"
    )
    assert "nan" in str(caught.value)


def test_a_long_text_of_a_call_is_named_by_its_beginning(gate: Gate) -> None:
    with pytest.raises(CheckFailed), gate.claim("test_one"):
        judge_calls(Refusing(), gate, [Call(("word " * 100,))], lambda _: 1.0)
    assert gate.verdicts[-1].evidence.endswith(f"smallest: 1 text, ['{'word ' * 12}...']")
