"""The sections on what the gate is worth, and on what changed: against another revision, and over time."""

from collections.abc import Mapping, Sequence
from typing import Any

from embeddings.report.blocks import Block, Items, Picture, Section, Table, Text, absent, number
from embeddings.report.over_time import summarised

__all__ = ["claims", "history", "judge", "kill_matrix", "performance"]

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


def performance(record: Record) -> list[Section]:
    """Return what changed against another revision; nothing where none was compared."""
    return [Section("Against another revision", _data(record["against"]))] if record["against"] else []


def judge(record: Record) -> list[Section]:
    """Return what moved in the judge itself; nothing where the run was not judged by another revision."""
    return [Section("The judge", _data(record["judge"]))] if record["judge"] else []


def _data(found: Mapping[str, Any]) -> list[Block]:
    """Show plain data whose form is its maker's: single values, then each list as a table or a list."""
    single = {key: value for key, value in found.items() if not isinstance(value, list | dict)}
    blocks: list[Block] = [
        Table("Summary", ("what", "value"), [(_name(key), _cell(value)) for key, value in single.items()])
    ]
    for key, value in found.items():
        if isinstance(value, list | dict):
            blocks += _several(_name(key), value if isinstance(value, list) else _named(value))
    return blocks


def _several(name: str, values: Sequence[Any]) -> list[Block]:
    if not values or not all(isinstance(one, dict) for one in values):
        return [Text(f"{name}:"), Items([_cell(one) for one in values] or ["none"])]
    columns = list(dict.fromkeys(column for one in values for column in one))
    rows = [tuple(_cell(one.get(column)) for column in columns) for one in values]
    return [Table(name, tuple(map(_name, columns)), rows)]


def _named(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the entries of a mapping as rows."""
    return [
        {"what": name, **(one if isinstance(one, dict) else {"value": one})} for name, one in found.items()
    ]


def _name(key: str) -> str:
    return key.replace("_", " ")


def _cell(value: object) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{_name(str(key))} {_cell(one)}" for key, one in value.items()) or "-"
    return number(value, 4) if isinstance(value, float) else str(value)


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
