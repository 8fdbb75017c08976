"""The picture of models side by side: quality beside size."""

import math
from collections.abc import Sequence
from typing import Any

from embedding_gate.report.palette import Figure, label, log_axis, marker_of
from embedding_gate.report.schema.models import Side
from embedding_gate.report.schema.record import Record

__all__ = ["picture"]


def picture(record: Record) -> list[Figure]:
    """Show nDCG@10 against size, with its interval; where vectors have no meaning, the neighbours kept."""
    found = [one for one in record.compared if one.megabytes]
    if not found:
        return []
    meaning = all(one.ndcg is not None for one in found)
    name = "nDCG@10" if meaning else "neighbours kept"
    data: list[dict[str, Any]] = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": label("Pareto front" if front else "not on it"),
            "x": [one.megabytes for one in sides],
            "y": [_height(one, meaning=meaning) for one in sides],
            "error_y": _error(sides, meaning=meaning),
            "text": [label(one.name) for one in sides],
            "textposition": [_inward(one, found) for one in sides],
            "cliponaxis": False,  # a long name is not cut at the edge
            "hovertemplate": "%{text}: %{y:.4~g} at %{x:.4~g} MB<extra></extra>",
            "marker": {**marker_of(number), "size": 11},
        }
        for number, front in enumerate((True, False))
        if (sides := [one for one in found if one.front is front])
    ]
    layout = {
        "xaxis": log_axis("MB of weights", (one.megabytes for one in found if one.megabytes)),
        "yaxis": {"title": {"text": name, "standoff": 12}},
    }
    caption = f"{name} against size. The bars are the 95 % intervals of the change beside {found[0].name}"
    return [Figure(caption, data, layout)]


def _inward(one: Side, others: Sequence[Side]) -> str:
    """Return the side on which the name stands: beside the bar, and towards the middle of the picture."""
    sizes = [math.log(other.megabytes or 1) for other in others]
    right = math.log(one.megabytes or 1) > (min(sizes) + max(sizes)) / 2
    return "top left" if right else "top right"


def _height(one: Side, *, meaning: bool) -> float | None:
    return one.ndcg if meaning else one.kept.value


def _error(sides: list[Side], *, meaning: bool) -> dict[str, object]:
    """Return the bars: from the figure to the ends of its interval."""
    figures = [one.ndcg_change if meaning else one.kept for one in sides]
    up = [max((of.high or 0) - (of.value or 0), 0) if of else 0 for of in figures]
    down = [max((of.value or 0) - (of.low or 0), 0) if of else 0 for of in figures]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down}
