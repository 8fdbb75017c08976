"""Records the data for the error rates: ``python -m benchmarks.against.record FILE``.

A session compares this tree with itself and with slower copies of itself. A busy wait in ``Embedder.encode``
makes a copy slower by a known share of the true time. A session has the rounds and generations of a
comparison. The file is written after each session, so the finished sessions are kept if the command is
stopped.
"""

import argparse
import json
import os
import secrets
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.against.arms import open_arms
from benchmarks.against.rounds import measure
from benchmarks.against.trees import Tree
from embedding_gate.adapter import ERRORS
from embedding_gate.errors import GateError, InputError
from embedding_gate.own_files import ROOT
from embeddings.catalog import DEFAULT_MODEL

MAIN, OTHERS = (0.0, 0.15), (0.05, 0.10, 0.20)  # slowdowns of a session; 0.0 is the same tree again
SLOWED = """

def _slowed(right):
    import functools, time

    @functools.wraps(right)
    def encode(*arguments, **options):
        start = time.perf_counter()
        vectors = right(*arguments, **options)
        end = start + {factor} * (time.perf_counter() - start)
        while time.perf_counter() < end:
            pass
        return vectors

    return encode


Embedder.encode = _slowed(Embedder.encode)
"""


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against.record", description=__doc__)
    parser.add_argument("file", type=Path, help="the JSON to write")
    parser.add_argument("--note", default="", help="what the machine did besides")
    parser.add_argument("--main", type=int, default=10, help="sessions of A/A and 15 %% (default: 10)")
    parser.add_argument("--others", type=int, default=3, help="sessions of 5, 10 and 20 %% (default: 3)")
    return parser.parse_args()


def planted(slowdown: float, folder: Path) -> Tree:
    """Copy the library of this tree into a folder, and make it slower by a share of its true time."""
    shutil.copytree(ROOT / "embeddings", folder / "embeddings")
    if slowdown:
        with (folder / "embeddings" / "embedder.py").open("a", encoding="utf-8") as code:
            code.write(SLOWED.format(factor=1 + slowdown))
    return Tree(f"{slowdown:.0%} slower", folder)


def session(slowdowns: Sequence[float]) -> list[dict[str, Any]]:
    """Measure one session; return the ratios of each benchmark at each slowdown.

    Raises:
        GateError: an audit is red.

    """
    with tempfile.TemporaryDirectory(prefix="against-") as folder:
        trees = {f"{one:g}": planted(one, Path(folder) / f"{one:g}") for one in slowdowns}
        arms = {"base": Tree("base", ROOT), **trees}
        start = partial(open_arms, list(arms.items()), [DEFAULT_MODEL])
        found = measure(start, seed=secrets.token_hex(8))
    if faults := [fault for one in found.values() for fault in one.faults]:
        raise GateError("record", faults[0], hint="fix the tree first")
    return [
        {
            "benchmark": name,
            "slowdown": slowdown,
            "log_ratios": [round(float(one), 4) for one in measured.log_ratios(f"{slowdown:g}", "base")],
        }
        for name, measured in found.items()
        for slowdown in slowdowns
    ]


def write(path: Path, content: Mapping[str, Any]) -> None:
    """Write the whole file or nothing, with one recorded series on each line."""
    head = {key: value for key, value in content.items() if key != "series"}
    series = ",\n".join(json.dumps(one) for one in content["series"])
    text = json.dumps(head)[:-1] + f', "series": [\n{series}\n]}}\n'
    beside = path.with_suffix(".part")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def main() -> None:
    """Record all sessions. On failure print one line to stderr and exit with code 1."""
    options = parse()
    content: dict[str, Any] = {"cores": os.cpu_count(), "note": options.note, "series": []}
    planned: list[tuple[float, ...]] = [MAIN] * options.main
    for number in range(options.others):  # spread these sessions among the main ones
        planned.insert((number + 1) * len(planned) // (options.others + 1), OTHERS)
    try:
        if options.file.exists():
            raise InputError(
                options.file, "is there already", hint="name a new one: all against-*.json count"
            )
        if not options.file.absolute().parent.is_dir():
            raise InputError(options.file, "is in no folder", hint="name one in a folder that exists")
        for number, slowdowns in enumerate(planned):
            content["series"] += session(slowdowns)
            write(options.file, content)
            print(f"{number + 1} of {len(planned)} sessions", file=sys.stderr)
    except ERRORS as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit(
            f"record: stopped; {options.file} has the sessions that ended"
            if content["series"]
            else "record: stopped before a session had ended"
        )


if __name__ == "__main__":
    main()
