"""The sections on what the gate is worth, and on what changed over time."""

from collections.abc import Mapping
from typing import Any

from embedding_gate.report.blocks import Block, Picture, Section, Table, Text, absent, number
from embedding_gate.report.history_plot import summarised

__all__ = ["claims", "history", "kill_matrix"]

Record = Mapping[str, Any]


def kill_matrix(record: Record) -> Section:
    """What each fault was killed by, and what that is worth beside other gates."""
    if (matrix := record["kill_matrix"]) is None:
        return Section(
            "Kill matrix", absent("The proof of the gate's power", "pytest -m faults --report=DIR")
        )
    gates = [
        (
            one["name"],
            f"{one['kills']} of {one['faults']}",
            f"{one['alarms']} of {one['variants']}",
            str(len(one["alone"])),
        )
        for one in matrix["gates"]
    ]
    faults = [
        (
            one["name"],
            one["cause"],
            _said(one),
            one["strongest"]["check"] or "-",
            number(one["strongest"]["benign_spreads"]) if one["strongest"]["check"] else "-",
        )
        for one in sorted(matrix["faults"], key=lambda one: (one["benign"], one["cause"], one["name"]))
    ]
    return Section(
        "Kill matrix",
        [
            Text(
                "Faults are injected one at a time and the gate's own tests run on what is left. Alone: the "
                "faults that nothing else kills. Spreads: how far the surest check is beyond all that right "
                "implementations measured, - where these all give the same."
            ),
            Picture("kill matrix"),
            Table("Gates", ("gate", "kills", "false alarms", "alone"), gates),
            Table("Faults", ("fault", "cause", "verdict", "surest check", "spreads"), faults),
        ],
    )


def _said(fault: Mapping[str, Any]) -> str:
    if fault["benign"]:
        return "FALSE ALARM" if fault["red"] else "harmless, passed"
    return "killed" if fault["red"] else "SURVIVED"


def claims(record: Record) -> Section:
    """Each published claim, and what arithmetic makes of it."""
    if not (found := record["claims"]):
        return Section("Claims", absent("Verdicts on published claims", "pytest -m claims --report=DIR"))
    header = ("claim", "published", "verdict", "arithmetic", "could be done on")
    blocks: list[Block] = []
    for section in dict.fromkeys(one["section"] for one in found):
        rows = [
            (
                one["subject"],
                one["published"] or "-",
                one["outcome"] + (f" (FAIL: expected {one['expected'] or 'nothing'})" if one["red"] else ""),
                one["arithmetic"],
                ", ".join(one["devices"]) or "-",
            )
            for one in found
            if one["section"] == section
        ]
        blocks.append(Table(section, header, rows))
    return Section("Claims", blocks)


def history(record: Record) -> Section:
    """Earlier runs, the newest first."""
    if not (found := record["history"]):
        return Section("History", absent("Earlier runs", "pytest -m quality --history=FILE --report=DIR"))
    rows = [
        (
            one["when"].replace("T", " ").removesuffix("Z"),
            (one["revision"] or "-")[:12],
            one["verdict"],
            ", ".join(f"{model['name']}: {model['red']} of {model['checks']} red" for model in one["models"])
            or "-",
            ", ".join(
                f"{speed['model']} {speed['kind']} {speed['batch']} x {speed['length']}: "
                f"{number(speed['median'] * 1e3, 4)} ms"
                for speed in filter(summarised, one["speed"])
            )
            or "-",
            f"{one['machine']} ({one['device']})",
        )
        for one in reversed(found)
    ]
    header = ("when (UTC)", "revision", "verdict", "checks", "measurements", "machine")
    return Section("History", [Picture("history"), Table("This run and earlier ones", header, rows)])
