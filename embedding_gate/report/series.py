"""Pictures of series of figures: latency, throughput, roofline; quality beside speed; runs over time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from embedding_gate.report.blocks import grouped
from embedding_gate.report.palette import (
    LEGEND,
    LIMIT,
    Figure,
    label,
    line_of,
    log_axis,
    marker_of,
    scatter,
    series,
)
from embedding_gate.report.schema.models import Model
from embedding_gate.report.schema.record import Record, Run, RunSpeed
from embedding_gate.report.schema.speed import Speed

__all__ = ["history", "latency", "quality_and_speed", "rooflines", "summarised", "throughput"]

ROOFS = (("matmul", "best matrix product", "dash"), ("device_peak", "published peak", "solid"))
CHECKS = ("retrieval", "pairs", "topic auc", "nearest neighbour", "cohesion", "separation")  # over time
RED = "x"  # the marker of a run that failed
MEASURES = {  # of quality; the first says most of a search, and the first that a model has is shown
    "ndcg": "nDCG@10 of the retrieval set",
    "topic_auc": "topic AUC (0.5: chance)",
}
Point = tuple[Run, float]


def latency(record: Record) -> list[Figure]:
    """Show the share of one text's rounds that were done within so many milliseconds."""
    measured = [one for one in record.speed if one.kind == "latency" and one.samples]
    if not measured:
        return []
    data = [trace for number, one in enumerate(measured) for trace in _latency(number, one)]
    layout = {
        "xaxis": log_axis("milliseconds", (1e3 * seconds for one in measured for seconds in one.samples)),
        "yaxis": {"title": {"text": "rounds done by then"}, "tickformat": ".0%", "range": [0, 1.05]},
        "legend": LEGEND,
    }
    caption = "Latency of one new text. A steeper line is steadier. The marks are the median and percentiles"
    return [Figure(caption, data, layout)]


def _latency(number: int, one: Speed) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the rounds of a measurement as a line of steps, and its percentiles as marks on it."""
    samples = sorted(1e3 * seconds for seconds in one.samples)
    name = f"{one.model}, {one.length} tokens"
    line = scatter(
        number,
        f"{name}, {len(samples)} rounds",
        [samples[0], *samples],
        [rank / len(samples) for rank in range(len(samples) + 1)],
        "%{y:.0%} within %{x:.4~g} ms",
        mode="lines",
        line={**line_of(number), "shape": "hv"},
    )
    marks = [("median", one.median, 0.5)]
    marks += [(f"p{mark.percent}", mark.seconds, mark.percent / 100) for mark in one.percentiles]
    words, seconds, shares = zip(*marks, strict=True)
    points = scatter(
        number,
        name,
        [1e3 * one for one in seconds],
        shares,
        "%{text}: %{x:.4~g} ms",
        mode="markers",
        text=words,
        showlegend=False,
    )
    return line, points


def throughput(record: Record) -> list[Figure]:
    """Show tokens/s against the texts of a batch, a line for each model and length."""
    measured = [one for one in record.speed if one.kind == "throughput" and one.tokens_per_second]
    if not measured:
        return []
    data = series(
        _by_shape(measured, lambda one: f"{one.model}, {one.length} tokens"),
        lambda one: one.batch,
        lambda one: one.tokens_per_second,
        "%{x} texts: %{y:,.0f} tokens/s",
    )
    batches = sorted({one.batch for one in measured})
    layout = {
        "xaxis": {"title": {"text": "texts of a batch"}, "type": "log", "tickvals": batches},
        "yaxis": log_axis("tokens/s", (y for one in data for y in one["y"])),
        "legend": LEGEND,
    }
    return [Figure("Throughput against batch size", data, layout)]


def rooflines(record: Record) -> list[Figure]:
    """Show what each shape computes beneath what the device can do.

    A batch reads each weight once and does two FLOPs with it for each token. So its tokens are, but for a
    factor, its FLOPs per byte of weights: the arithmetic intensity (Williams, Waterman and Patterson 2009).
    """
    measured = [one for one in record.speed if one.flops_per_token and one.tokens_per_second]
    if not measured:
        return []
    data = series(
        _by_shape(measured, lambda one: f"{one.model}, {one.kind}"),
        lambda one: one.tokens,
        lambda one: (one.tokens_per_second or 0) * (one.flops_per_token or 0),
        "%{text}<br>%{y:.3s}FLOP/s",
        text=lambda one: f"{one.batch} x {one.length} tokens, MFU {one.mfu or 0:.1%}",
        mode="markers",
    )
    roofs = [*_roofs(measured, [x for one in data for x in one["x"]])]
    layout = {
        "xaxis": log_axis("tokens of a batch", (x for one in data for x in one["x"])),
        "yaxis": log_axis("FLOP/s", (y for one in [*data, *roofs] for y in one["y"])),
        "legend": LEGEND,
    }
    caption = (
        "Roofline: FLOP/s of each shape, and above them the best matrix product and the published peak. The "
        "tokens of a batch are in proportion to its FLOPs per byte of weights"
    )
    return [Figure(caption, [*data, *roofs], layout, 460)]


def _roofs(measured: Sequence[Speed], tokens: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield a line for each ceiling: two of one kind only where models were computed in two precisions."""
    for key, name, dash in ROOFS:
        heights: dict[str, float] = {}
        for one in measured:
            if height := getattr(one, key):
                heights[one.precision] = max(height, heights.get(one.precision, 0.0))
        for precision, height in heights.items():
            ends = [min(tokens) / 2, max(tokens) * 2]
            line = {"color": LIMIT, "dash": dash, "width": 2}
            yield scatter(
                0, f"{name}, {precision}", ends, [height] * 2, "%{y:.3s}FLOP/s", mode="lines", line=line
            )


def _by_shape(measured: Iterable[Speed], name: Callable[[Speed], str]) -> dict[str, list[Speed]]:
    """Sort measurements into series by name, each by tokens, then texts."""
    return grouped(sorted(measured, key=lambda one: (one.length, one.batch)), name)


def quality_and_speed(record: Record) -> list[Figure]:
    """Show each model by its largest throughput and its quality, where a run has both."""
    fastest: dict[str, float] = {}
    for one in record.speed:
        if one.kind == "throughput" and one.tokens_per_second:
            fastest[one.model] = max(fastest.get(one.model, 0.0), one.tokens_per_second)
    both = [
        (model, rate)
        for model in record.models
        if model.quality and (rate := fastest.get(model.asked_for) or fastest.get(model.name))
    ]
    for key, title in MEASURES.items():
        if points := [(model, rate) for model, rate in both if getattr(model.quality, key) is not None]:
            return [_quality_and_speed(points, key, title)]
    return []


def _quality_and_speed(points: Sequence[tuple[Model, float]], key: str, title: str) -> Figure:
    data = [
        scatter(
            number,
            model.name,
            [rate],
            [getattr(model.quality, key)],
            "%{x:,.0f} tokens/s<br>%{y:.4f}",
            mode="markers+text",
            text=[label(model.name)],
            textposition="top center",
            cliponaxis=False,
            marker={**marker_of(number), "size": 14},
        )
        for number, (model, rate) in enumerate(points)
    ]
    layout = {
        "xaxis": log_axis("largest throughput, tokens/s", (rate for _, rate in points)),
        "yaxis": {"title": {"text": title}, "range": [0, 1.05]},
        "showlegend": False,
    }
    return Figure("Quality beside speed: up and to the right is better", data, layout)


def history(record: Record) -> list[Figure]:
    """Show the quality of each model and the seconds of each benchmark over two runs or more."""
    quality = [
        (f"{model.name}: {check}", (run, measured))
        for run in record.history
        for model in run.models
        for check in CHECKS
        if (measured := model.figures.get(check)) is not None
    ]
    medians = [
        (f"{one.model}, {one.kind} {one.batch} x {one.length}, {run.machine}", (run, one.median))
        for run in record.history
        for one in filter(summarised, run.speed)
    ]
    seconds = {
        name: [(run, median / points[0][1]) for run, median in points]
        for name, points in _of_two_runs(medians).items()
    }
    drawn = [
        ("Quality, run by run; a cross is a run that failed", "measured", _of_two_runs(quality)),
        ("Time of each benchmark, divided by the time of its first run on that machine", "times", seconds),
    ]
    return [_lines(caption, unit, points) for caption, unit, points in drawn if points]


def summarised(one: RunSpeed) -> bool:
    """Whether a benchmark is one that sums a model up: of all shapes, nobody could tell the lines apart."""
    return one.headline or one.kind in ("latency", "load")


def _of_two_runs(found: Iterable[tuple[str, Point]]) -> dict[str, list[Point]]:
    groups = grouped(found, lambda one: one[0])
    return {name: [point for _, point in points] for name, points in groups.items() if len(points) > 1}


def _lines(caption: str, unit: str, found: dict[str, list[Point]]) -> Figure:
    data = series(found, lambda one: one[0].when, lambda one: one[1], "%{y:.4g}, %{x}")
    for line, points in zip(data, found.values(), strict=True):
        symbol = line["marker"]["symbol"]
        line["marker"]["symbol"] = [RED if run.verdict == "fail" else symbol for run, _ in points]
    layout = {
        # Runs one after the other: what lies between them is no measurement.
        "xaxis": {"type": "category", "title": {"text": "run"}, "tickangle": -30},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "legend": LEGEND,
    }
    return Figure(caption, data, layout, 380 + 12 * len(data))
