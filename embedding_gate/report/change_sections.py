"""The sections on what a change moved: the judge itself, and speed and vectors against another revision."""

from collections.abc import Mapping
from typing import Any

from embedding_gate.report.blocks import Block, Items, Section, Table, Text, number

__all__ = ["judge", "performance"]

Record = Mapping[str, Any]
HEADER = ("benchmark", "measured", "ratio", "90 % interval", "at most", "verdict", "what that says")


def judge(record: Record) -> list[Section]:
    """Return what moved in the judge itself; nothing where the run was not judged by another revision."""
    if not (found := record["judge"]):
        return []
    own = found["head_verdict"]
    blocks: list[Block] = [Text(f"Judged by {found['base'][:12]}: {found['base_verdict']}.")]
    if not found["changed"]:
        return [Section("The judge", [*blocks, Text("This change leaves the judge as it is.")])]
    consent = "A person approved it." if found["approved"] else "No person approved it: that alone is red."
    blocks += [
        Text(f"THE JUDGE CHANGED. Its own verdict: {own or 'none'}. {consent}"),
        Items(found["moved"]),
        Text(f"Digest of the change, which an approval names: `{found['digest']}`."),
    ]
    return [Section("The judge", blocks)]


def performance(record: Record) -> list[Section]:
    """Return what changed against another revision; nothing where none was compared."""
    if not (found := record["against"]):
        return []
    lead = (
        f"{found['model']}, this tree beside {found['revision']} ({found['commit'][:12]}), {found['rounds']} "
        "rounds in turns on the same new texts. Ratio: time of this tree over the other's, the median of the "
        "rounds; below 1 is faster. Red only where it was so twice: beyond the threshold, or not to be "
        "measured. Control: the other revision over itself, in another process."
    )
    rows = []
    for one in found["rows"]:
        threshold, outcome = number(one["threshold"]), one["outcome"]
        rows.append((one["benchmark"], one["unit"], *_ratio(one), threshold, outcome, one["evidence"] or "-"))
        rows.append(("control", one["unit"], *_ratio(one["control"]), "-", "-", "-"))
    blocks: list[Block] = [
        Text(lead),
        Table("Paired ratios of time", HEADER, rows),
        *_vectors(found["vectors"]),
    ]
    return [Section("Against another revision", blocks + ([Items(found["notes"])] if found["notes"] else []))]


def _vectors(found: Mapping[str, Any]) -> list[Block]:
    texts = f"{found['texts']:,} texts"
    if found["identical"]:
        return [Text(f"Vectors: identical, bit for bit, of {texts}.")]
    changed = found["neighbours_changed"]
    blocks: list[Block] = [
        Text(
            f"Vectors: NOT identical, of {texts}: least cosine {number(found['least_cosine'], 9)}; another "
            f"nearest text for {'-' if changed is None else f'{changed:,}'}."
        )
    ]
    if not found["moved"]:
        return [*blocks, Text("No metric moved.")]
    header = ("metric", "before", "after", "interval of the change")
    moved = [
        (one["metric"], number(one["before"], 4), number(one["after"], 4), _interval(one))
        for one in found["moved"]
    ]
    return [*blocks, Table("Metrics that moved", header, moved)]


def _ratio(one: Mapping[str, Any]) -> tuple[str, str]:
    return (f"{number(one['ratio'])}x" if one["ratio"] is not None else "-", _interval(one))


def _interval(one: Mapping[str, Any]) -> str:
    return "-" if one["low"] is None else f"{number(one['low'])} to {number(one['high'])}"
