"""Pictures of the history: what checks measured run by run, and how long benchmarks took."""

from collections.abc import Mapping, Sequence
from typing import Any

from embedding_gate.report.palette import Picture, label, line_of, marker_of

__all__ = ["history", "summarised"]

Run = Mapping[str, Any]
Points = dict[str, list[tuple[Run, float]]]
CHECKS = ("retrieval", "pairs", "topic auc", "nearest neighbour", "cohesion", "separation")
RED = "x"


def history(record: Mapping[str, Any]) -> list[Picture]:
    """Show the quality of each model and the seconds of each benchmark over two runs or more."""
    runs = record["history"]
    drawn = [
        ("Quality, run by run; a cross is a run that failed", "measured", _quality(runs)),
        ("Seconds of each benchmark over those of its first run on that machine", "times", _seconds(runs)),
    ]
    return [_lines(caption, unit, points) for caption, unit, points in drawn if points]


def _quality(runs: Sequence[Run]) -> Points:
    found: Points = {}
    for run in runs:
        for model in run["models"]:
            for check in CHECKS:
                if (measured := model["figures"].get(check)) is not None:
                    found.setdefault(f"{model['name']}: {check}", []).append((run, measured))
    return _of_two_runs(found)


def _seconds(runs: Sequence[Run]) -> Points:
    found: Points = {}
    for run in runs:
        for one in filter(summarised, run["speed"]):
            name = f"{one['model']}, {one['kind']} {one['batch']} x {one['length']}, {run['machine']}"
            found.setdefault(name, []).append((run, one["median"]))
    return {
        name: [(run, median / points[0][1]) for run, median in points]
        for name, points in _of_two_runs(found).items()
    }


def summarised(one: Mapping[str, Any]) -> bool:
    """Whether a benchmark is one that sums a model up: of all shapes, nobody could tell the lines apart."""
    return one["headline"] or one["kind"] in ("latency", "load")


def _of_two_runs(found: Points) -> Points:
    return {name: points for name, points in found.items() if len(points) > 1}


def _lines(caption: str, unit: str, found: Points) -> Picture:
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": label(name),
            "x": [run["when"] for run, _ in points],
            "y": [value for _, value in points],
            "line": line_of(number),
            "marker": {
                **marker_of(number),
                "size": 9,
                "symbol": [
                    RED if run["verdict"] == "fail" else marker_of(number)["symbol"] for run, _ in points
                ],
            },
            "hovertemplate": "%{y:.4g}, %{x}<extra>%{fullData.name}</extra>",
        }
        for number, (name, points) in enumerate(found.items())
    ]
    layout = {
        # Runs one after the other: what lies between them is no measurement.
        "xaxis": {"type": "category", "title": {"text": "run"}, "tickangle": -30},
        "yaxis": {"title": {"text": unit}, "rangemode": "tozero"},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
    }
    return Picture(caption, data, layout, 380 + 12 * len(data))
