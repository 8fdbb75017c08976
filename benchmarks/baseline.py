"""What changed since a stored run, and why two runs cannot be compared: JSON documents in, lines out."""

from collections.abc import Mapping
from typing import Any

__all__ = ["compare", "why_malformed"]

Document = Mapping[str, Any]
SAME = ("device", "chip", "precision", "tf32")  # of machine_info: another one is another measurement


def why_malformed(document: Any) -> str:
    """Say what a stored run lacks, "" where nothing."""
    try:
        for bench in document["benchmarks"]:
            if not (bench["stats"]["median"] > 0 and bench["fullname"] and bench["extra_info"]["matmul"] > 0):
                return "a median or a matmul rate is not above 0"
        missing = [name for name in SAME if name not in document["machine_info"]]
    except (KeyError, TypeError) as error:
        return f"malformed ({error!r})"
    return f"machine_info lacks {', '.join(missing)}" if missing else ""


def compare(baseline: Document, run: Document, where: str) -> tuple[list[str], list[str]]:
    """Return a line for each benchmark that both have, and a line for each reason to fail.

    A ratio is median now over median then: above 1 is slower. Beside it the same with each median times the
    best matrix product of its own session, for two machines of one kind are not equally fast.
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
        ratio = new[name]["stats"]["median"] / old[name]["stats"]["median"]
        machine = new[name]["extra_info"]["matmul"] / old[name]["extra_info"]["matmul"]
        lines.append(f"  {ratio:6.3f}x  {ratio * machine:6.3f}x by matmul  {name}")
    if lines:
        lines = [f"{where}: median now over median then, above 1 is slower", *sorted(lines, reverse=True)]
    return lines, failures
