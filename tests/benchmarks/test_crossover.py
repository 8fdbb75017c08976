"""From how many rows on unpacked weights are faster: which entry the times give."""

import argparse
from typing import Any

import pytest

from benchmarks.micro import crossover
from embeddings.backend import mx, nn
from embeddings.models.quantized import ManyRowsLinear


@pytest.mark.parametrize(
    ("layers", "entry"),
    [
        ([{1: 0.5, 2: 1.5, 4: 3}], 2),
        ([{1: 1.5, 2: 1.5}], 1),
        ([{1: 1.5, 2: 0.9, 4: 1.1}], 4),  # a win below a loss does not count
        ([{1: 0.5, 2: 1.5, 4: 3}, {1: 0.5, 2: 0.9, 4: 1.2, 8: 2}], 4),
        ([{1: 0.5, 2: 1.5}, {1: 0.5, 2: 1}], None),
        ([{1: float("nan")}], None),
    ],
)
def test_crossover(layers: list[dict[int, float]], entry: int | None) -> None:
    assert crossover.crossover(layers) == entry


def test_crossover_times_the_two_ways_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    (packed,) = crossover.make_weights(64, 32, 4, mx.float32, cold=1)
    layer = nn.layers.quantized.QuantizedLinear(64, 32, bias=False, group_size=64, bits=4)
    layer.weight, layer.scales, layer.biases = packed.weight, packed.scales, packed.biases
    x = mx.random.normal((5, 64), key=mx.random.key(0))
    assert mx.array_equal(crossover.packed_product(x, packed), layer(x))
    layer.__class__, layer.least_size = ManyRowsLinear, 1
    assert mx.array_equal(crossover.by_unpacking(x, packed), layer(x))
    monkeypatch.delattr(crossover, "unpacked_product")
    crossover.packed_product(x, packed)
    with pytest.raises(NameError):
        crossover.by_unpacking(x, packed)  # two ways indeed


def test_crossover_prints_the_entry(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(crossover, "LAYERS", [(64, 32)])
    monkeypatch.setattr(crossover, "ROWS", (1, 2, 4, 8))

    def clock(rows: int, *_: Any) -> tuple[float, float]:
        return rows / 2, 0.1 * rows  # ratio, seconds

    monkeypatch.setattr(crossover, "ratio_at", clock)
    crossover.main(["--limit", "0.3"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[-4:] == [
        "0.50",
        "1.00",
        "2.00",
        "4.00",
    ]  # twice as fast does not end it, more does
    assert lines[-1] == '"cpu": 4'
    options = argparse.Namespace(rows=(1, 2, 4, 8, 16), backend="cpu", rounds=1, limit=0.3)
    assert max(crossover.measure_layer(64, 32, 4, mx.float32, options)) == 8
