"""Models side by side: figures, the Pareto front, the table, the section and the picture."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import embeddings
from embedding_gate.described import bits_and_bytes
from embedding_gate.reindex.side_by_side import Cost, Figure, Side, side_by_side, table_of
from embedding_gate.report.blocks import Table
from embedding_gate.report.change_sections import compared
from embedding_gate.report.record import as_json, parsed
from embedding_gate.report.side_by_side import picture
from embeddings.backend import mx
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.packed import Choose, pack
from tests.support.records import a_record, as_data, errors
from tests.support.snapshots import TINY, changed, old, unit_rows
from tests.support.tiny import edit_json
from tests.support.tiny_decoders import FLOAT, copy_of

FOUR, EIGHT = ({"group_size": 32, "bits": bits} for bits in (4, 8))


def cost(megabytes: float, speed: float, *, random: bool = False) -> Cost:
    return Cost(32, megabytes, Figure(speed, speed, speed), random)


@pytest.fixture(scope="module")
def sides() -> list[Side]:
    known = old(TINY)

    def noise(vectors: Any) -> Any:
        return unit_rows(vectors + 0.02 * np.random.default_rng(0).normal(size=vectors.shape))

    other = changed(noise, known)
    return side_by_side(
        [("first", cost(4, 9), known), ("half", cost(2, 9), known), ("noisy", cost(3, 8), other)]
    )


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
    """The first is beaten by half of its size at the same speed and quality."""
    assert [side.front for side in sides[:2]] == [False, True]


def test_no_metric_if_the_vectors_of_one_have_no_meaning() -> None:
    """Of the others neither: the front is told by one figure of all."""
    known = old(TINY)
    reversed_ = changed(lambda vectors: vectors[:, ::-1], known)
    sides = side_by_side([("trained", cost(2, 9), known), ("random", cost(2, 9, random=True), reversed_)])
    assert [(side.ndcg, side.spearman_change) for side in sides] == [(None, None)] * 2
    assert [side.quality for side in sides] == [side.kept.value for side in sides] == [1, 1]


@pytest.mark.parametrize("choose", [lambda _: EIGHT, lambda layer: EIGHT if "mlp" in layer else FOUR])
def test_bits_and_bytes_of_a_packed_model(tmp_path: Path, choose: Choose) -> None:
    """As many weights as the folder had before it was packed, layer by layer."""
    weights: Any = mx.load(str(FLOAT / "model.safetensors"))
    packed, _, said = pack(weights, choose)
    folder = copy_of(FLOAT, tmp_path / "packed")
    mx.save_safetensors(str(folder / "model.safetensors"), packed)
    edit_json(folder / "config.json", quantization=said)
    size = sum(array.nbytes for array in packed.values())
    count = sum(array.size for array in weights.values())
    assert bits_and_bytes(embeddings.load(folder)) == (8 * size / count, size)


def test_the_table_the_section_and_the_picture(sides: list[Side]) -> None:
    assert table_of(sides)[1].endswith("1 (1 to 1)")
    assert table_of(sides)[2].endswith("Pareto")
    record = a_record({"compared": [side.as_data() for side in sides]})
    assert errors(as_data(record)) == []
    assert parsed("report.json", as_json(record)) == record
    section = compared(record)
    assert section is not None
    assert isinstance(section.blocks[1], Table)
    assert len(section.blocks[1].rows) == 3
    (figure,) = picture(record)
    assert figure.caption.startswith("nDCG@10 against size")
    assert sorted(name for trace in figure.data for name in trace["text"]) == ["first", "half", "noisy"]
    beside = {
        name: side
        for trace in figure.data
        for name, side in zip(trace["text"], trace["textposition"], strict=True)
    }
    assert (beside["first"], beside["half"]) == ("top left", "top right")  # beside the bar, inwards
    assert picture(a_record({})) == []
    assert compared(a_record({})) is None
    without = a_record({"compared": [replace(side, ndcg=None).as_data() for side in sides[:2]]})
    assert picture(without)[0].caption.startswith("neighbours kept against size")
