"""What all pictures have in common: colours, markers and dashes that go together, and texts as labels."""

import html
import math
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

__all__ = [
    "COLOURS",
    "LEGEND",
    "LIMIT",
    "OUTLINE",
    "SYMBOLS",
    "Figure",
    "hover",
    "label",
    "line_of",
    "log_axis",
    "marker_of",
    "scatter",
    "series",
]

# Okabe and Ito's colours, which readers with any of the usual kinds of colour blindness tell apart
# (https://jfly.uni-koeln.de/color/). Grey stands for their black, which does not show on a dark page. The
# ninth is Paul Tol's wine: the gate has nine categories. In each kind of sight it is 21 or more (CIEDE2000)
# from each of the others; the nearest two of these are 6 apart.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#0072B2", "#D55E00", "#CC79A7", "#999999", "#F0E442", "#882255")
LIMIT = "#D55E00"  # of what the gate requires
OUTLINE = "#777777"  # shows on white and on black: yellow does not on white, nor blue on black
# Those of plotly's 3-D maps but "x", which is a letter there that not every font has.
SYMBOLS = ("circle", "square", "diamond", "cross", "circle-open", "square-open", "diamond-open")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
COLUMNS, LINES = 60, 8  # of a hovering label
LEGEND = {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0}  # above the picture


T = TypeVar("T")


class Figure(NamedTuple):
    """One figure.

    caption: what it shows, in plain text. data, layout: of plotly.js. height: pixels. texts: a line for each
    row of a square heat map, from which the page makes the label of each cell. least, most: pixels across;
    0: as few, or as many, as the page has.
    """

    caption: str
    data: list[dict[str, Any]]
    layout: dict[str, Any]
    height: int = 420
    texts: Sequence[str] = ()
    least: int = 0
    most: int = 0


def label(text: str) -> str:
    """Return a text as plotly.js shows it letter by letter: it takes tags and entities for its own."""
    return html.escape(text, quote=False)


def hover(text: str) -> str:
    """Return a text as a hovering label of at most LINES lines of COLUMNS characters."""
    return "<br>".join(map(label, textwrap.wrap(text, COLUMNS, max_lines=LINES, placeholder=" …")))


def marker_of(number: int) -> dict[str, Any]:
    """Return the marker of category or model i: no two of the first 63 have both colour and symbol alike."""
    colour, symbol = COLOURS[number % len(COLOURS)], SYMBOLS[number % len(SYMBOLS)]
    outline = {"width": 2, "color": colour} if symbol.endswith("open") else {"width": 1, "color": OUTLINE}
    return {"color": colour, "symbol": symbol, "line": outline}


def line_of(number: int) -> dict[str, Any]:
    """Return the line of series i, whose dashes tell what its colour tells."""
    return {"color": COLOURS[number % len(COLOURS)], "dash": DASHES[number % len(DASHES)], "width": 2}


def scatter(
    number: int,
    name: str,
    x: Sequence[Any],
    y: Sequence[Any],
    hover: str,
    *,
    mode: str = "lines+markers",
    **more: Any,
) -> dict[str, Any]:
    """Return series i in the lines and markers that ``mode`` asks for. hover: the template of its labels."""
    marks: dict[str, Any] = {"line": line_of(number)} if "lines" in mode else {}
    marks |= {"marker": {**marker_of(number), "size": 9}} if "markers" in mode else {}
    hovers = {"hovertemplate": f"{hover}<extra>%{{fullData.name}}</extra>"}
    return {"type": "scatter", "mode": mode, "name": label(name), "x": x, "y": y, **marks, **hovers, **more}


def series(
    found: Mapping[str, Sequence[T]],
    x: Callable[[T], Any],
    y: Callable[[T], Any],
    hover: str,
    *,
    mode: str = "lines+markers",
    text: Callable[[T], str] = lambda _: "",
) -> list[dict[str, Any]]:
    """Return one series for each name. x, y, text: of a point."""
    return [
        scatter(
            number, name, [*map(x, points)], [*map(y, points)], hover, mode=mode, text=[*map(text, points)]
        )
        for number, (name, points) in enumerate(found.items())
    ]


def log_axis(title: str, values: Iterable[float]) -> dict[str, Any]:
    """Return a logarithmic axis around values above 0, with ticks at 1, 2, 5 times powers of ten.

    Over more than three powers the powers alone have ticks: labels must not meet.
    """
    found = list(values)
    low, high = min(found) / 1.6, max(found) * 1.6  # never without a tick: 1.6 * 1.6 > 5 / 2
    steps = (1, 2, 5) if high / low <= 1e3 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps]
    return {
        "title": {"text": title},
        "type": "log",
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [short(tick) for tick in ticks],
    }


def short(number: float) -> str:
    """Return a number above 0 with the prefix of its thousands: 0.5, 20, 5k, 2M, 100G, 1T."""
    power = min(max(math.floor(math.log10(number) / 3 + 1e-9), 0), 4)
    return f"{number / 1000**power:.4g}{'kMGT'[power - 1] if power else ''}"
