"""The picture of the kill matrix: faults down, checks across."""

from embedding_gate.report.palette import COLOURS, LIMIT, Figure, label
from embedding_gate.report.schema.record import Record

__all__ = ["kill_matrix"]

QUIET = "rgba(128, 128, 128, 0.16)"  # of a check that stayed green; where one does not judge there is nothing
SHADES = {".": 0.0, "o": 0.5, "x": 1.0}
SAID = {".": "green", "o": "red in some runs", "x": "red", " ": "does not judge this model"}
ROW = 13  # pixels


def kill_matrix(record: Record) -> list[Figure]:
    """Show which checks are red under each fault; harmless variants, where none may be, come last."""
    if (matrix := record.kill_matrix) is None:
        return []
    faults = sorted(matrix.faults, key=lambda one: (one.benign, one.cause, one.name))
    names = [label(f"{one.name} ({one.cause})") for one in faults]
    cells = {
        "type": "heatmap",
        "x": list(map(label, matrix.checks)),
        "y": names,
        "z": [[SHADES.get(mark) for mark in one.marks] for one in faults],
        "zmin": 0,
        "zmax": 1,
        "text": [[SAID[mark] for mark in one.marks] for one in faults],
        "colorscale": [[0, QUIET], [0.5, COLOURS[0]], [1, LIMIT]],
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": "%{y}<br>%{x}: %{text}<extra></extra>",
    }
    plain = {"showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"size": 10}, "dtick": 1}
    layout = {
        "xaxis": {**plain, "side": "top", "tickangle": -90, "tickfont": {"size": 9}},
        "yaxis": {**plain, "autorange": "reversed", "automargin": True},
        "margin": {"t": 150},
    }
    caption = f"{len(faults)} faults and harmless variants down, {len(matrix.checks)} checks across"
    return [Figure(caption, [cells], layout, 150 + ROW * len(faults))]
