"""What changed since a stored run, and why two runs cannot be compared."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["Document", "compare", "why_malformed", "why_unreadable"]

Document = Mapping[str, Any]
SAME = (
    "device",
    "chip",
    "cores",
    "tf32",
)  # of machine_info: these must be equal, or two runs cannot be compared
TOLD = ("mlx", "blas")  # of machine_info: these may explain a change, so they are printed


def why_unreadable(path: Path) -> str:
    """Say why the file of a stored run cannot be used. "" if it can."""
    try:
        return why_malformed(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError) as error:
        return f"malformed ({error!r})"


def why_malformed(document: Any) -> str:
    """Say why a stored run cannot be used. "" if it can."""
    try:
        for bench in document["benchmarks"]:
            name, rates = bench["fullname"], (bench["stats"]["median"], bench["extra_info"]["matmul"])
            if not all(0 < one < math.inf for one in rates):  # refuses a NaN too
                return f"{name}: a median or a matmul rate is not above 0, or not finite"
            str(bench["extra_info"]["precision"])
        missing = [name for name in (*SAME, *TOLD) if name not in document["machine_info"]]
    except (KeyError, TypeError) as error:
        return f"malformed ({error!r})"
    return f"machine_info lacks {', '.join(missing)}" if missing else ""


def compare(baseline: Document, run: Document, where: str) -> tuple[list[str], list[str]]:
    """Return a line for each benchmark that both runs have, and a line for each reason to fail.

    The first ratio is the median now over the median then: above 1 is slower. For the second ratio each
    median is multiplied by the best matmul rate of its own session, because two machines of one kind are not
    equally fast.
    """
    if why := why_malformed(baseline):
        return [], [f"{where}: {why}; store a run again"]
    then, now = baseline["machine_info"], run["machine_info"]
    failures = [
        f"{where}: not comparable: {name} is {now[name]!r}, it was {then[name]!r}; take a baseline of its own"
        for name in SAME
        if now[name] != then[name]
    ]
    if failures:
        return [], failures
    old = {bench["fullname"]: bench for bench in baseline["benchmarks"]}
    new = {bench["fullname"]: bench for bench in run["benchmarks"]}
    failures = [f"{where}: {name} is in the baseline and not in this run" for name in old if name not in new]
    failures += [f"{where}: {name} is new: no baseline; store a run again" for name in new if name not in old]
    lines = []
    for name in new.keys() & old.keys():
        one, other = (run[name]["extra_info"]["precision"] for run in (new, old))
        if one != other:
            failures.append(f"{where}: not comparable: {name} is in {one}, it was in {other}")
            continue
        ratio = new[name]["stats"]["median"] / old[name]["stats"]["median"]
        machine = new[name]["extra_info"]["matmul"] / old[name]["extra_info"]["matmul"]
        lines.append(f"  {ratio:6.3f}x  {ratio * machine:6.3f}x  {name}")
    if lines:
        told = [f"  {name}: {then[name]} -> {now[name]}" for name in TOLD if now[name] != then[name]]
        head = f"{where}: median now over median then, above 1 is slower; then by equal matmul rates"
        lines = [head, *told, *sorted(lines, reverse=True)]
    return lines, failures
