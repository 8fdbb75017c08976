"""The pictures of a record, as fragments of a page, and the script that draws them there.

The page's Content-Security-Policy must allow the script and what it makes: ``script-src 'strict-dynamic'
'sha256-...'`` (of the script's text; no 'unsafe-eval'), ``style-src 'unsafe-inline'`` and ``img-src data:
blob:``. Nothing is fetched.
"""

import base64
import gzip
import html
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedding_gate.errors import InputError
from embedding_gate.report import history_plot, matrix, speed, vector_map
from embedding_gate.report.palette import Picture

__all__ = ["PICTURES", "pictures", "plotly_script"]

PICTURES: Mapping[str, Callable[[Mapping[str, Any]], list[Picture]]] = {
    "heat map": vector_map.heat_maps,
    "map": vector_map.maps,
    "categories": vector_map.categories,
    "quality and speed": vector_map.quality_and_speed,
    "latency": speed.latency,
    "throughput": speed.throughput,
    "roofline": speed.rooflines,
    "kill matrix": matrix.kill_matrix,
    "history": history_plot.history,
}
DRAW = Path(__file__).with_name("draw.js")
WAITING = "This picture needs JavaScript; what it shows is in the tables too."


def pictures(record: Mapping[str, Any]) -> dict[str, str]:
    """Return name -> HTML fragment of its figures; absent where the record has nothing to show."""
    found = {name: draw(record) for name, draw in PICTURES.items()}
    return {name: _fragment(name, figures) for name, figures in found.items() if figures}


def _fragment(name: str, figures: Sequence[Picture]) -> str:
    return "\n".join(
        f'<figure class="picture" data-name="{name}" style="margin: 1rem 0; break-inside: avoid">\n'
        f"<figcaption>{html.escape(figure.caption)}</figcaption>\n"
        f'<div class="plot" role="img" aria-label="{html.escape(figure.caption)}"'
        f' style="height: {figure.height}px">{WAITING}</div>\n'
        f'<script type="application/json">{_as_data(figure)}</script>\n'
        "</figure>"
        for figure in figures
    )


def _as_data(figure: Picture) -> str:
    """Return a figure as JSON that no text can break out of: "<" is written as its code."""
    found = {"data": figure.data, "layout": figure.layout, "texts": figure.texts}
    return json.dumps(found, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace(
        "<", "\\u003c"
    )


def plotly_script() -> str:
    """Return what draws the pictures: plotly.js (MIT), compressed, and what runs it after the first paint.

    To stand once, at the end of the page's body.

    Raises:
        InputError: plotly is not installed.

    """
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  (only a run that writes a page needs it)
    except ImportError as error:
        hint = "run make dev, or pip install '.[report]'"
        raise InputError("plotly", "is not installed, and the pictures need it", hint=hint) from error
    # Compressed, as it takes 2 MB of the page instead of 5, and the parser has less to walk through.
    library = base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
    return (
        f'<script type="text/plain" id="plotly">{library}</script>\n'
        f"<script>{DRAW.read_text(encoding='utf-8')}</script>"
    )
