"""Pictures of what vectors say of texts: heat map, map, categories."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from embedding_gate.report.blocks import grouped
from embedding_gate.report.palette import (
    COLOURS,
    LEGEND,
    LIMIT,
    OUTLINE,
    Figure,
    hover,
    label,
    marker_of,
    scatter,
)
from embedding_gate.report.schema.models import Category, Model
from embedding_gate.report.schema.record import Record

__all__ = ["categories", "heat_maps", "maps"]

SQUARE = 720  # pixels across: as wide as high, with what stands at its side
CAMERA = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.1}}


def heat_maps(record: Record) -> list[Figure]:
    """Show the cosine of each two texts, category by category."""
    return [_heat_map(model) for model in record.models if _range(model.cosines)]


def _range(cosines: Sequence[Sequence[float | None]]) -> list[float]:
    """Return the smallest and the largest cosine of two different texts; nothing where there is none."""
    found = [
        cell for r, row in enumerate(cosines) for c, cell in enumerate(row) if r != c and cell is not None
    ]
    return [min(found), max(found)] if found else []


def _heat_map(model: Model) -> Figure:
    names = [text.category for text in model.texts]
    ends, middles, shapes = 0, [], []
    for _, group in groupby(names):
        start, ends = ends, ends + len(list(group))
        middles.append((start + ends - 1) / 2)
        if start:
            at, across = {"x0": start - 0.5, "x1": start - 0.5}, {"y0": -0.5, "y1": len(names) - 0.5}
            shapes += [at | across, {key.translate(_TURNED): value for key, value in (at | across).items()}]
    ticks = {
        "tickvals": middles,
        "ticktext": [label(name) for name, _ in groupby(names)],
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "constrain": "domain",
    }
    low, high = _range(model.cosines)
    cells = [
        [None if r == c else cell for c, cell in enumerate(row)]  # with itself: 1, which says nothing
        for r, row in enumerate(model.cosines)
    ]
    return Figure(
        f"{model.name}: cosine of every two of {len(names)} texts, by category",
        [
            {
                "type": "heatmap",
                "z": cells,
                "zmin": low,
                "zmax": max(high, low + 0.001),
                "colorscale": "Cividis",  # the same to readers with and without colour blindness
                "hoverongaps": False,
                "hovertemplate": "cosine %{z:.3f}<br>%{text}<extra></extra>",
                "colorbar": {"title": {"text": "cosine"}, "thickness": 14, "outlinewidth": 0},
            }
        ],
        {
            "xaxis": {**ticks, "tickangle": -45, "constraintoward": "left"},
            "yaxis": {**ticks, "autorange": "reversed", "scaleanchor": "x", "constraintoward": "top"},
            "shapes": [{"type": "line", "line": {"color": "#FFFFFF", "width": 1.5}, **one} for one in shapes],
            "margin": {"t": 10, "b": 90},
        },
        620,
        [f"<b>{label(one.category)}</b> {hover(one.text)}" for one in model.texts],
        most=SQUARE,
    )


_TURNED = str.maketrans("xy", "yx")


def maps(record: Record) -> list[Figure]:
    """Show each text as a point in the space of the first three principal components."""
    return [_map(model) for model in record.models if model.map]


def _map(model: Model) -> Figure:
    texts = model.texts
    groups = grouped(range(len(texts)), lambda row: texts[row].category)
    data = []
    for number, (name, rows) in enumerate(groups.items()):
        x, y, z = zip(*(model.map[row] for row in rows), strict=True)
        shown = scatter(
            number, name, x, y, "%{text}", mode="markers", text=[hover(texts[row].text) for row in rows]
        )
        data.append(shown | {"type": "scatter3d", "z": z, "marker": {**marker_of(number), "size": 5}})
    axes = {f"{axis}axis": {"title": {"text": f"PC {n}"}, "nticks": 5} for n, axis in enumerate("xyz", 1)}
    return Figure(
        f"{model.name}: {len(texts)} texts by the first three principal components of their vectors. "
        "Drag to turn, scroll to come closer, point at a text to read it, click a category to hide it",
        data,
        {
            "scene": {**axes, "aspectmode": "data", "camera": CAMERA},
            "legend": LEGEND,
            "margin": {"t": 0, "b": 0, "l": 0, "r": 0},
        },
        560,
        most=SQUARE,
    )


def categories(record: Record) -> list[Figure]:
    """Show how similar the texts of each category are, and what the gate requires."""
    found = [
        (model, [one for one in model.categories if one.similarity is not None]) for model in record.models
    ]
    return [_categories(model.name, thresholds) for model, thresholds in found if thresholds]


def _categories(model: str, found: Sequence[Category]) -> Figure:
    shown = [(f"{label(one.name)} {one.similarity:.3f}", one) for one in found]
    within, outside = ([(name, one) for name, one in shown if _outside(one) is far] for far in (False, True))
    data = [_bars("measured", "", within), _bars("measured, outside", "/", outside), _limits(shown)]
    layout = {
        "yaxis": {"categoryarray": [name for name, _ in shown], "autorange": "reversed", "showgrid": False},
        "xaxis": {"title": {"text": "mean cosine of two texts"}, "rangemode": "tozero"},
        "barmode": "overlay",
        "legend": LEGEND,
    }
    caption = f"{model}: similarity within each category, and the limits that the gate requires"
    return Figure(caption, [one for one in data if one["y"]], layout, 150 + 34 * len(found))


def _bars(name: str, pattern: str, shown: Sequence[tuple[str, Category]]) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": [one.similarity for _, one in shown],
        "y": [name for name, _ in shown],
        "marker": {
            "color": COLOURS[1],
            "line": {"color": OUTLINE, "width": 1},
            "pattern": {"shape": pattern},
        },
        "hovertemplate": "%{y}<extra>%{fullData.name}</extra>",
    }


def _limits(shown: Sequence[tuple[str, Category]]) -> dict[str, Any]:
    """Return one line for each category from its lower to its upper limit, or a stroke where it has one."""
    x: list[float | None] = []
    y: list[str | None] = []
    for name, one in shown:
        if limits := [limit for limit in (one.at_least, one.at_most) if limit is not None]:
            x += [*limits, None]
            y += [*([name] * len(limits)), None]
    line = {"color": LIMIT, "width": 2}
    marker = {"symbol": "line-ns", "size": 20, "line": {"color": LIMIT, "width": 3}}
    return scatter(0, "required", x, y, "%{x:.4f}", line=line, marker=marker)


def _outside(one: Category) -> bool:
    low, high, similarity = one.at_least, one.at_most, one.similarity or 0.0
    return (low is not None and similarity < low) or (high is not None and similarity > high)
