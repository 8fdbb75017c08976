"""The pictures of a record by name, and the library that draws them on the page."""

import base64
import gzip
from collections.abc import Callable, Mapping

from embedding_gate.errors import InputError
from embedding_gate.report import matrix, series, side_by_side, vector_map
from embedding_gate.report.palette import Figure
from embedding_gate.report.schema.record import Record

__all__ = ["PICTURES", "pictures", "plotly"]

PICTURES: Mapping[str, Callable[[Record], list[Figure]]] = {
    "heat map": vector_map.heat_maps,
    "map": vector_map.maps,
    "categories": vector_map.categories,
    "quality and speed": series.quality_and_speed,
    "side by side": side_by_side.picture,
    "latency": series.latency,
    "throughput": series.throughput,
    "roofline": series.rooflines,
    "kill matrix": matrix.kill_matrix,
    "history": series.history,
}


def pictures(record: Record) -> dict[str, list[Figure]]:
    """Return name -> its figures; absent where the record has nothing to show."""
    found = {name: draw(record) for name, draw in PICTURES.items()}
    return {name: figures for name, figures in found.items() if figures}


def plotly() -> str:
    """Return plotly.js (MIT), compressed, in letters of base64.

    Compressed it takes 2 MB of the page instead of 5, and the parser has less to walk through.

    Raises:
        InputError: plotly is not installed.

    """
    try:
        from plotly.offline import get_plotlyjs  # noqa: PLC0415  (only a run that writes a page needs it)
    except ImportError as error:
        hint = "run make dev, or pip install plotly"
        raise InputError("plotly", "is not installed, and the pictures need it", hint=hint) from error
    return base64.b64encode(gzip.compress(get_plotlyjs().encode(), 9, mtime=0)).decode()
