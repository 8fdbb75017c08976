"""Which faults die by one check alone: where that check is broken, nobody sees them."""

from collections import defaultdict
from collections.abc import Collection, Sequence

from tests.faults.power import GOLDENS, Row, all_checks

__all__ = ["killers_of", "lone", "lone_table"]


def killers_of(row: Row, without: Collection[str] = ()) -> list[str]:
    """Name the checks that kill a fault in every run. without: checks that do not count."""
    return [check for check in all_checks() if check not in without and row.by(check)]


def lone(rows: Sequence[Row], without: Collection[str] = ()) -> dict[str, list[str]]:
    """Return the faults that one check alone kills: check -> their names. "none": those that survive."""
    found: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        killers = killers_of(row, without)
        if not row.fault.benign and len(killers) < 2:
            found[killers[0] if killers else "none"].append(row.fault.name)
    return dict(found)


def lone_table(rows: Sequence[Row]) -> list[str]:
    """Return the lines of both lists: all checks, and those that need no goldens."""
    faults = sum(not row.fault.benign for row in rows)
    lines = []
    for title, without in (("with goldens", frozenset[str]()), ("without goldens", GOLDENS)):
        found = lone(rows, without)
        survived = len(found.get("none", []))
        alone = sum(map(len, found.values())) - survived
        lines.append(f"  {title}: {alone} of {faults} faults die by one check alone, {survived} survive")
        lines += [f"    {check} ({len(names)}): {', '.join(names)}" for check, names in found.items()]
    return lines
