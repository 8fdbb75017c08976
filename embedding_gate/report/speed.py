"""Pictures of the measurements: latency, throughput, roofline."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from embedding_gate.report.palette import LIMIT, Picture, label, line_of, log_axis, marker_of

__all__ = ["latency", "rooflines", "throughput"]

Record = Mapping[str, Any]
Series = dict[str, list[Mapping[str, Any]]]
ROOFS = (("matmul", "best matrix product", "dash"), ("device_peak", "published peak", "solid"))
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}


def latency(record: Record) -> list[Picture]:
    """Show the share of one text's rounds that were done within so many milliseconds."""
    measured = [one for one in record["speed"] if one["kind"] == "latency" and one["samples"]]
    if not measured:
        return []
    data = []
    for number, one in enumerate(measured):
        samples = sorted(1e3 * seconds for seconds in one["samples"])
        name = label(f"{one['model']}, {one['length']} tokens")
        line = {
            "type": "scatter",
            "mode": "lines",
            "name": f"{name}, {len(samples)} rounds",
            "x": [samples[0], *samples],
            "y": [rank / len(samples) for rank in range(len(samples) + 1)],
            "line": {**line_of(number), "shape": "hv"},
            "hovertemplate": "%{y:.0%} within %{x:.4~g} ms<extra>%{fullData.name}</extra>",
        }
        data += [line, _percentiles(one, name, number)]
    layout = {
        "xaxis": log_axis("milliseconds", (1e3 * seconds for one in measured for seconds in one["samples"])),
        "yaxis": {"title": {"text": "rounds done by then"}, "tickformat": ".0%", "range": [0, 1.05]},
        "legend": LEGEND,
    }
    caption = "Latency of one new text: the steeper, the steadier; the marks are the median and percentiles"
    return [Picture(caption, data, layout)]


def _percentiles(one: Mapping[str, Any], name: str, number: int) -> dict[str, Any]:
    marks = [("median", one["median"], 0.5)]
    marks += [(f"p{mark['percent']}", mark["seconds"], mark["percent"] / 100) for mark in one["percentiles"]]
    return {
        "type": "scatter",
        "mode": "markers",
        "name": name,
        "showlegend": False,
        "x": [1e3 * seconds for _, seconds, _ in marks],
        "y": [share for *_, share in marks],
        "text": [mark for mark, *_ in marks],
        "marker": {**marker_of(number), "size": 10},
        "hovertemplate": "%{text}: %{x:.4~g} ms<extra>%{fullData.name}</extra>",
    }


def throughput(record: Record) -> list[Picture]:
    """Show tokens/s against the texts of a batch, a line for each model and length."""
    measured = [one for one in record["speed"] if one["kind"] == "throughput" and one["tokens_per_second"]]
    series = _series(measured, lambda one: f"{one['model']}, {one['length']} tokens")
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": label(name),
            "x": [one["batch"] for one in points],
            "y": [one["tokens_per_second"] for one in points],
            "line": line_of(number),
            "marker": {**marker_of(number), "size": 9},
            "hovertemplate": "%{x} texts: %{y:,.0f} tokens/s<extra>%{fullData.name}</extra>",
        }
        for number, (name, points) in enumerate(series.items())
    ]
    if not data:
        return []
    batches = sorted({one["batch"] for one in measured})
    layout = {
        "xaxis": {"title": {"text": "texts of a batch"}, "type": "log", "tickvals": batches},
        "yaxis": log_axis("tokens/s", (one["tokens_per_second"] for one in measured)),
        "legend": LEGEND,
    }
    return [Picture("Throughput against batch size", data, layout)]


def rooflines(record: Record) -> list[Picture]:
    """Show what each shape computes beneath what the device can do.

    A batch reads each weight once and does two FLOPs with it for each token. So its tokens are, but for a
    factor, its FLOPs per byte of weights: the arithmetic intensity (Williams, Waterman and Patterson 2009).
    """
    measured = [one for one in record["speed"] if one["flops_per_token"] and one["tokens_per_second"]]
    series = _series(measured, lambda one: f"{one['model']}, {one['kind']}")
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": label(name),
            "x": [one["tokens"] for one in points],
            "y": [one["tokens_per_second"] * one["flops_per_token"] for one in points],
            "text": [f"{one['batch']} x {one['length']} tokens, MFU {one['mfu'] or 0:.1%}" for one in points],
            "marker": {**marker_of(number), "size": 9},
            "hovertemplate": "%{text}<br>%{y:.3s}FLOP/s<extra>%{fullData.name}</extra>",
        }
        for number, (name, points) in enumerate(series.items())
    ]
    if not data:
        return []
    roofs = [*_roofs(measured)]
    title = "tokens of a batch (in proportion: FLOPs per byte of weights)"
    layout = {
        "xaxis": log_axis(title, (x for one in data for x in one["x"])),
        "yaxis": log_axis("FLOP/s", (y for one in [*data, *roofs] for y in one["y"])),
        "legend": LEGEND,
    }
    caption = "Roofline: what was computed, beneath the session's best matrix product and the chip's peak"
    return [Picture(caption, [*data, *roofs], layout, 460)]


def _roofs(measured: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a line for each ceiling: two of one kind only where models were computed in two precisions."""
    tokens = [one["tokens"] for one in measured]
    for key, name, dash in ROOFS:
        heights: dict[str, float] = {}
        for one in measured:
            if one[key]:
                heights[one["precision"]] = max(one[key], heights.get(one["precision"], 0.0))
        for precision, height in heights.items():
            yield {
                "type": "scatter",
                "mode": "lines",
                "name": f"{name}, {precision}",
                "x": [min(tokens) / 2, max(tokens) * 2],
                "y": [height, height],
                "line": {"color": LIMIT, "dash": dash, "width": 2},
                "hovertemplate": "%{y:.3s}FLOP/s<extra>%{fullData.name}</extra>",
            }


def _series(measured: Iterable[Mapping[str, Any]], name: Callable[[Mapping[str, Any]], str]) -> Series:
    """Sort measurements into series by name, each by texts, then tokens."""
    found: Series = {}
    for one in sorted(measured, key=lambda one: (one["length"], one["batch"])):
        found.setdefault(name(one), []).append(one)
    return found
