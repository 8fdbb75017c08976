"""Models side by side: figures, the Pareto front, the table, the section and the picture."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from embedding_gate.reindex.side_by_side import Cost, Figure, Side, side_by_side, table_of
from embedding_gate.report.blocks import Table
from embedding_gate.report.change_sections import compared
from embedding_gate.report.record import as_json, parsed
from embedding_gate.report.side_by_side import picture
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.records import a_record, as_data, errors
from tests.support.snapshots import TINY, changed, old, unit_rows


def cost(megabytes: float, speed: float, *, random: bool = False) -> Cost:
    return Cost(32, megabytes, Figure(speed, speed, speed), random)


@pytest.fixture(scope="module")
def sides() -> list[Side]:
    known = old(TINY)

    def noise(vectors: Any) -> Any:
        return unit_rows(vectors + 0.02 * np.random.default_rng(0).normal(size=vectors.shape))

    other = changed(noise, known)
    models = [("first", cost(4, 9), known), ("half", cost(2, 9), known), ("noisy", cost(3, 8), other)]
    return side_by_side([*models, ("random", cost(1, 1, random=True), other)])


def test_the_first_beside_itself(sides: list[Side]) -> None:
    first = sides[0]
    assert first.cosine is not None
    assert first.cosine.value == pytest.approx(1)
    assert first.kept == Figure(1, 1, 1)
    assert first.ndcg_change == first.spearman_change == Figure(0, 0, 0)


def test_noise_shows_in_each_figure(sides: list[Side]) -> None:
    noisy = sides[2]
    assert noisy.cosine is not None
    assert 0.9 < noisy.cosine.low < noisy.cosine.value < noisy.cosine.high < 0.999
    assert noisy.kept.high < 0.99
    assert noisy.spearman_change is not None
    assert noisy.spearman_change.low < noisy.spearman_change.high


def test_the_front(sides: list[Side]) -> None:
    """One is beaten by half of its size at the same speed and quality; the smallest is beaten by none."""
    assert [side.front for side in sides[:2]] == [False, True]
    assert sides[3].front


def test_vectors_without_meaning_have_no_metric(sides: list[Side]) -> None:
    assert (sides[3].ndcg, sides[3].spearman_change) == (None, None)
    assert sides[3].quality == sides[3].kept.value


def test_the_table_the_section_and_the_picture(sides: list[Side]) -> None:
    assert table_of(sides)[1].endswith("1 (1 to 1)")
    assert table_of(sides)[2].endswith("Pareto")
    record = a_record({"compared": [side.as_data() for side in sides[:3]]})
    assert errors(as_data(record)) == []
    assert parsed("report.json", as_json(record)) == record
    section = compared(record)
    assert section is not None
    assert isinstance(section.blocks[1], Table)
    assert len(section.blocks[1].rows) == 3
    (figure,) = picture(record)
    assert figure.caption.startswith("nDCG@10 against size")
    assert sorted(name for trace in figure.data for name in trace["text"]) == ["first", "half", "noisy"]
    assert picture(a_record({})) == []
    assert compared(a_record({})) is None
    without = a_record({"compared": [replace(side, ndcg=None).as_data() for side in sides[:2]]})
    assert picture(without)[0].caption.startswith("neighbours kept against size")
