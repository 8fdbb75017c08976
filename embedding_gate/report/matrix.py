"""The picture of the kill matrix: checks down, causes of faults across, in each cell how many are killed."""

from collections.abc import Sequence

from embedding_gate.report.blocks import grouped
from embedding_gate.report.palette import Figure, label
from embedding_gate.report.schema.proof import Fault
from embedding_gate.report.schema.record import Record

__all__ = ["by_cause", "kill_matrix", "red_checks"]

RED = "xo"  # marks of a check that was red: in each run, in some runs
HARMLESS = "harmless"
# No fault killed, one of many, all. A cell of a check that judges none of them is empty. Letters of either
# scheme can be read on each of them: on a full orange those of the dark one cannot.
SHADES = [[0, "rgba(128, 128, 128, 0.16)"], [0.001, "rgba(213, 94, 0, 0.2)"], [1, "rgba(213, 94, 0, 0.75)"]]
ROW, COLUMN = 16, 28  # pixels
HEAD, SIDE = 120, 190  # pixels for the names


def by_cause(faults: Sequence[Fault]) -> dict[str, list[Fault]]:
    """Return cause -> its faults by name; the harmless variants, where no check may be red, come last."""
    ordered = sorted(faults, key=lambda one: (one.benign, one.cause, one.name))
    return grouped(ordered, lambda one: HARMLESS if one.benign else one.cause)


def red_checks(checks: Sequence[str], fault: Fault) -> list[str]:
    """Return the checks that are red under a fault, be it in some runs only."""
    return [check for check, mark in zip(checks, fault.marks, strict=True) if mark in RED]


def kill_matrix(record: Record) -> list[Figure]:
    """Show how many faults of each cause each check kills, the check that kills most first."""
    if (matrix := record.kill_matrix) is None:
        return []
    groups = by_cause(matrix.faults)
    marks = {
        check: [[one.marks[place] for one in faults] for faults in groups.values()]
        for place, check in enumerate(matrix.checks)
    }
    checks = sorted(marks, key=lambda check: -sum(map(_red, marks[check])))
    cells = {
        "type": "heatmap",
        "x": list(map(label, groups)),
        "y": list(map(label, checks)),
        "z": [[_share(cell) for cell in marks[check]] for check in checks],
        "zmin": 0,
        "zmax": 1,
        "text": [[str(_red(cell) or "") for cell in marks[check]] for check in checks],
        "customdata": [[_said(cell) for cell in marks[check]] for check in checks],
        "texttemplate": "%{text}",
        "colorscale": SHADES,
        "showscale": False,
        "xgap": 1,
        "ygap": 1,
        "hoverongaps": False,
        "hovertemplate": "%{y}<br>%{x}: %{customdata}<extra></extra>",
    }
    plain = {"showgrid": False, "zeroline": False, "ticks": "", "tickfont": {"size": 11}, "dtick": 1}
    layout = {
        "xaxis": {**plain, "side": "top", "tickangle": -90},
        "yaxis": {**plain, "autorange": "reversed"},
        "margin": {"t": HEAD, "b": 10},
    }
    caption = (
        "How many faults of each cause (across) each check (down) kills. The stronger the colour, the larger "
        "their share. No check may be red for a harmless variant"
    )
    across = SIDE + COLUMN * len(groups)
    return [Figure(caption, [cells], layout, HEAD + 10 + ROW * len(checks), least=across, most=across)]


def _red(cell: Sequence[str]) -> int:
    return sum(mark in RED for mark in cell)


def _share(cell: Sequence[str]) -> float | None:
    return None if set(cell) == {" "} else _red(cell) / len(cell)


def _said(cell: Sequence[str]) -> str:
    some, unjudged = cell.count("o"), cell.count(" ")
    more = [f"{some} in some runs only"] if some else []
    more += [f"{unjudged} not judged"] if unjudged else []
    return f"{_red(cell)} of {len(cell)}" + (f" ({', '.join(more)})" if more else "")
