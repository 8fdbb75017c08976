"""The meter and its texts, on a model that takes a known time."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.harness.clock import by_clock
from benchmarks.harness.fresh import FreshTexts, Seen
from benchmarks.harness.meter import Meter
from benchmarks.harness.records import PERCENTILES, Record
from embedding_gate.errors import GateError, InputError
from embeddings.tokens import TokenizedTexts
from tests.support.timed_model import Clock, Model

SHAPE = (8, 16)


def test_no_text_is_shown_twice() -> None:
    model, seen = Model(Clock()), Seen()
    texts = FreshTexts(model.tokenize, seen)(40, 9)
    assert len(set(texts)) == 40
    assert set(model.tokenize(texts).lengths) == {9}
    seen.claim(texts)
    with pytest.raises(InputError, match="one was shown before"):
        seen.claim(texts[:1])
    with pytest.raises(InputError, match="one was shown before"):
        seen.claim(["twice", "twice"])
    seen.again(texts)
    with pytest.raises(InputError, match="that is to be shown again is new"):
        seen.again(["never shown"])
    assert not set(FreshTexts(model.tokenize, seen)(40, 9)) & set(texts)  # the same seed draws on


def test_models_of_one_tokenizer_draw_texts_of_their_own() -> None:
    """Three sizes in one process: the second drew what the first had been shown, and found none new."""
    clock, seen = Clock(), Seen()
    for name in ("one size", "another"):
        Meter(Model(clock), seen, seed=name, clock=clock).encoding(by_clock(clock), "latency", 1, 16, 120)
    again = Meter(Model(clock), seen, seed="another", clock=clock)
    with pytest.raises(InputError, match="no 1 new ones"):
        again.encoding(by_clock(clock), "latency", 1, 16, 1)


def test_texts_that_there_are_not() -> None:
    with pytest.raises(InputError, match="no 5000 new ones of exactly 2 tokens"):
        FreshTexts(Model(Clock()).tokenize, Seen())(5000, 2)
    letters = Model(Clock())
    letters.tokenize = lambda texts: TokenizedTexts(  # type: ignore[method-assign]
        [np.zeros(len(text) ** 2, np.int32) for text in texts], np.zeros(len(texts), np.int64)
    )
    with pytest.raises(InputError, match="no 1 new ones of exactly 5 tokens"):
        FreshTexts(letters.tokenize, Seen())(1, 5)


@pytest.mark.parametrize(
    ("vectors", "words"),
    [
        (np.ones((1, 3), np.float32) / np.float32(3**0.5), "gave float32 (1, 3)"),
        (np.ones((8, 3)) / 3**0.5, "gave float64 (8, 3)"),
        (np.ones((8, 3), np.float32), "a vector has length 1.73"),
        (np.full((8, 3), np.nan, np.float32), "a vector has length nan"),
    ],
)
def test_what_a_round_returned_is_looked_at(vectors: NDArray[Any], words: str) -> None:
    model = Model(Clock())
    measuring = Meter(model, Seen(), clock=model.clock)
    model.run = lambda texts: vectors  # type: ignore[method-assign]  # noqa: ARG005
    with pytest.raises(GateError, match=words.replace("(", r"\(").replace(")", r"\)")):
        measuring.warm_up(*SHAPE)


def test_the_cache_beside_the_same_texts_without_it() -> None:
    model = Model(Clock())
    held: dict[str, NDArray[np.float32]] = {}

    def cache(texts: Sequence[str]) -> NDArray[np.float32]:
        model.clock.now += 1e-3
        held.update(
            {text: row for text, row in zip(texts, model.run(texts), strict=True) if text not in held}
        )
        if all(text in held for text in texts):
            return np.array([held[text] for text in texts])
        return model.run(texts)

    measuring = Meter(model, Seen(), clock=model.clock)
    record = measuring.encoding(by_clock(model.clock), "cache: memory", *SHAPE, 3, cache=cache)
    assert len(record.uncached) == len(record.seconds) == 3
    assert record.stray == 0


def test_percentiles_need_rounds() -> None:
    def percentiles(rounds: int) -> set[int]:
        return set(Record("latency", 1, 16, seconds=[1.0] * rounds).percentiles)

    assert [percentiles(rounds) for rounds in (63, 64, 129, 130, 661)] == [
        set(),
        {90},
        {90},
        {90, 95},
        {90, 95},
    ]
    assert percentiles(662) == {90, 95, 99}
    for percent, rounds in PERCENTILES.items():
        p = percent / 100
        least, fewer = (p**n + n * (1 - p) * p ** (n - 1) for n in (rounds, rounds - 1))
        assert least <= 0.01 < fewer
    ramp = Record("latency", 1, 16, seconds=[float(n) for n in range(1, 100)])
    assert ramp.percentiles[90] == pytest.approx(90)
