"""Pictures of what vectors say of texts: heat map, map, categories; quality beside speed."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from embedding_gate.report.palette import COLOURS, LIMIT, OUTLINE, Picture, hover, label, log_axis, marker_of

__all__ = ["categories", "heat_maps", "maps", "quality_and_speed"]

CAMERA = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}, "center": {"x": 0, "y": 0, "z": -0.1}}
Record = Mapping[str, Any]
MEASURES = {  # of quality, the one that says most of a search first: the first that a model has is shown
    "ndcg": "nDCG@10 of the retrieval set",
    "topic_auc": "topic AUC (0.5: chance)",
}


def heat_maps(record: Record) -> list[Picture]:
    """Show the cosine of each two texts, category by category."""
    return [_heat_map(model) for model in record["models"] if _range(model["cosines"])]


def _range(cosines: Sequence[Sequence[float | None]]) -> list[float]:
    """Return the smallest and the largest cosine of two different texts; nothing where there is none."""
    found = [
        cell for r, row in enumerate(cosines) for c, cell in enumerate(row) if r != c and cell is not None
    ]
    return [min(found), max(found)] if found else []


def _heat_map(model: Mapping[str, Any]) -> Picture:
    names = [text["category"] for text in model["texts"]]
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
    low, high = _range(model["cosines"])
    cells = [
        [None if r == c else cell for c, cell in enumerate(row)]  # with itself: 1, which says nothing
        for r, row in enumerate(model["cosines"])
    ]
    return Picture(
        f"{model['name']}: cosine of each two of {len(names)} texts, category by category",
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
            "xaxis": {**ticks, "tickangle": -45, "constraintoward": "right"},  # beside the colours
            "yaxis": {**ticks, "autorange": "reversed", "scaleanchor": "x"},
            "shapes": [{"type": "line", "line": {"color": "#FFFFFF", "width": 1.5}, **one} for one in shapes],
            "margin": {"t": 10, "b": 90, "l": 100},
        },
        620,
        [f"<b>{label(one['category'])}</b> {hover(one['text'])}" for one in model["texts"]],
    )


_TURNED = str.maketrans("xy", "yx")


def maps(record: Record) -> list[Picture]:
    """Show each text as a point in the space of the first three principal components."""
    return [_map(model) for model in record["models"] if model["map"]]


def _map(model: Mapping[str, Any]) -> Picture:
    texts = model["texts"]
    data = []
    for number, name in enumerate(dict.fromkeys(text["category"] for text in texts)):
        rows = [row for row, text in enumerate(texts) if text["category"] == name]
        x, y, z = zip(*(model["map"][row] for row in rows), strict=True)
        data.append(
            {
                "type": "scatter3d",
                "mode": "markers",
                "name": label(name),
                "marker": {**marker_of(number), "size": 5},
                "x": x,
                "y": y,
                "z": z,
                "text": [hover(texts[row]["text"]) for row in rows],
                "hovertemplate": "%{text}<extra>%{fullData.name}</extra>",
            }
        )
    axes = {f"{axis}axis": {"title": {"text": f"PC {n}"}, "nticks": 5} for n, axis in enumerate("xyz", 1)}
    return Picture(
        f"{model['name']}: {len(texts)} texts by the first three principal components of their vectors. "
        "Drag to turn, scroll to come closer, point at a text to read it, click a category to hide it",
        data,
        {
            "scene": {**axes, "aspectmode": "data", "camera": CAMERA},
            "margin": {"t": 0, "b": 0, "l": 0, "r": 0},
        },
        560,
    )


def categories(record: Record) -> list[Picture]:
    """Show how similar the texts of each category are, and what the gate requires."""
    found = [
        (model, [one for one in model["categories"] if one["similarity"] is not None])
        for model in record["models"]
    ]
    return [_categories(model["name"], thresholds) for model, thresholds in found if thresholds]


def _categories(model: str, thresholds: Sequence[Mapping[str, Any]]) -> Picture:
    names = [f"{label(one['name'])} {one['similarity']:.3f}" for one in thresholds]
    data = [
        _thresholds(
            "measured", "", [(n, one) for n, one in zip(names, thresholds, strict=True) if not _outside(one)]
        ),
        _thresholds(
            "measured, outside",
            "/",
            [(n, one) for n, one in zip(names, thresholds, strict=True) if _outside(one)],
        ),
        _limits(names, thresholds),
    ]
    layout = {
        "yaxis": {"categoryarray": names, "autorange": "reversed", "showgrid": False},
        "xaxis": {"title": {"text": "mean cosine of two texts of the category"}, "rangemode": "tozero"},
        "barmode": "overlay",
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom"},
    }
    caption = f"{model}: similarity within each category, and the limits that the gate requires"
    return Picture(caption, [one for one in data if one["y"]], layout, 150 + 34 * len(thresholds))


def _thresholds(
    name: str, pattern: str, thresholds: Sequence[tuple[str, Mapping[str, Any]]]
) -> dict[str, Any]:
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "x": [one["similarity"] for _, one in thresholds],
        "y": [name for name, _ in thresholds],
        "marker": {
            "color": COLOURS[1],
            "line": {"color": OUTLINE, "width": 1},
            "pattern": {"shape": pattern},
        },
        "hovertemplate": "%{y}<extra>%{fullData.name}</extra>",
    }


def _limits(names: Sequence[str], thresholds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one line for each category from its lower to its upper limit, or a stroke where it has one."""
    x: list[float | None] = []
    y: list[str | None] = []
    for name, one in zip(names, thresholds, strict=True):
        if limits := [limit for limit in (one["at_least"], one["at_most"]) if limit is not None]:
            x += [*limits, None]
            y += [*([name] * len(limits)), None]
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": "required",
        "x": x,
        "y": y,
        "line": {"color": LIMIT, "width": 2},
        "marker": {"symbol": "line-ns", "size": 20, "line": {"color": LIMIT, "width": 3}},
        "hovertemplate": "%{x:.4f}<extra>%{fullData.name}</extra>",
    }


def _outside(one: Mapping[str, Any]) -> bool:
    low, high, similarity = one["at_least"], one["at_most"], one["similarity"]
    return (low is not None and similarity < low) or (high is not None and similarity > high)


def quality_and_speed(record: Record) -> list[Picture]:
    """Show each model by its largest throughput and its quality, where a run has both."""
    fastest: dict[str, float] = {}
    for one in record["speed"]:
        if one["kind"] == "throughput" and one["tokens_per_second"]:
            fastest[one["model"]] = max(fastest.get(one["model"], 0.0), one["tokens_per_second"])
    both = [
        (model, fastest[name])
        for model in record["models"]
        if model["quality"] and (name := _name_among(model, fastest))
    ]
    for key, title in MEASURES.items():
        if points := [(model, rate) for model, rate in both if model["quality"][key] is not None]:
            return [_scatter(points, key, title)]
    return []


def _name_among(model: Mapping[str, Any], names: Mapping[str, float]) -> str | None:
    return next((model[key] for key in ("asked_for", "name") if model[key] in names), None)


def _scatter(points: Sequence[tuple[Mapping[str, Any], float]], key: str, title: str) -> Picture:
    data = [
        {
            "type": "scatter",
            "mode": "markers+text",
            "name": label(model["name"]),
            "x": [rate],
            "y": [model["quality"][key]],
            "text": [label(model["name"])],
            "textposition": "top center",
            "cliponaxis": False,
            "marker": {**marker_of(number), "size": 14},
            "hovertemplate": "%{text}<br>%{x:,.0f} tokens/s<br>%{y:.4f}<extra></extra>",
        }
        for number, (model, rate) in enumerate(points)
    ]
    layout = {
        "xaxis": log_axis("largest throughput, tokens/s", (rate for _, rate in points)),
        "yaxis": {"title": {"text": title}, "range": [0, 1.05]},
        "showlegend": False,
    }
    return Picture("Quality beside speed: up and to the right is better", data, layout)
