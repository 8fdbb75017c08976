"""Proposes changes from a device report, as a diff: ``python -m benchmarks.device.proposal FILE``.

It proposes ``CROSSOVER`` of the report's backend, and a threshold for each figure of the gate that the device
measured larger than any before: that figure, and about four times it. It changes no file. Apply the diff with
``git apply`` after you have read it: a large figure can also be a fault on that device.
"""

import argparse
import difflib
import json
import math
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from embedding_gate.errors import GateError, InputError
from embedding_gate.own_files import ROOT, THRESHOLDS

CODE = ROOT / "embeddings" / "models" / "quantized.py"
ENTRY = re.compile(r'^"(\w+)": (\d+|None)$', re.MULTILINE)
HEAD = "[[threshold]]\n"


def read(path: Path) -> dict[str, Any]:
    """Read a report.

    Raises:
        InputError: the file is not one, or was made with --small.

    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if report["version"] == 1 and report["machine"]["chip"] and not report["small"]:
            return dict(report)
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise InputError(
            str(path), f"is no device report ({error})", hint="name device-report.json"
        ) from error
    raise InputError(
        str(path), "is a report of another version or made with --small", hint="make a whole one"
    )


def with_crossover(code: str, report: Mapping[str, Any]) -> str:
    """Return the code with the crossover that the report's table ends with; the same code without one."""
    found = [entry for step in report["steps"] for entry in ENTRY.findall(step["output"])]
    for name, rows in found:
        code = re.sub(rf'("{name}"): (\d+|None)', rf"\1: {rows}", code, count=1)
    return code


def verdicts(report: Mapping[str, Any]) -> Iterator[tuple[str, str, str, float]]:
    """Yield model, precision, check and figure of each check that the gate measured."""
    for step in report["steps"]:
        for model in (step["record"] or {}).get("models", []):
            for verdict in model["verdicts"]:
                if isinstance(verdict["measured"], float) and math.isfinite(verdict["measured"]):
                    yield model["name"], model["precision"], verdict["check"], verdict["measured"]


def with_thresholds(text: str, report: Mapping[str, Any]) -> str:
    """Return thresholds.toml with the figures of the device that are larger than the measured ones."""
    head, *blocks = text.split(HEAD)
    entries = [tomllib.loads(block) for block in blocks]
    largest: dict[int, float] = {}
    for model, precision, check, figure in verdicts(report):
        number = _binding(entries, model, precision, check)
        if number is not None and figure > max(entries[number]["measured"], largest.get(number, 0)):
            largest[number] = figure
    for number, figure in largest.items():
        blocks[number] = _moved(blocks[number], entries[number], figure, report["machine"]["chip"])
    return HEAD.join([head, *blocks])


def _binding(entries: Sequence[Mapping[str, Any]], model: str, precision: str, check: str) -> int | None:
    """Return the number of the threshold that binds, a model's own first. Only limits of noise are moved."""
    for owner in (model, "any"):
        for number, entry in enumerate(entries):
            checks = [entry["check"]] if isinstance(entry["check"], str) else entry["check"]
            noise = 0 < entry.get("at_most", 0) < 1e-3 and "at_least" not in entry and "band" not in entry
            named = check in checks and entry["model"] == owner
            if named and noise and entry.get("precision", precision) == precision:
                return number
    return None


def _moved(block: str, entry: Mapping[str, Any], figure: float, chip: str) -> str:
    limit = max(entry["at_most"], rounded_up(4 * figure))
    if limit > entry["at_most"]:
        block = re.sub(r"(?m)^at_most = .*$", f"at_most = {limit:.1e}", block)
    block = re.sub(r"(?m)^measured = .*$", f"measured = {figure:.2e}", block)
    source = f"{entry['source']}; {figure:.1e} on {chip}"
    return re.sub(r"(?m)^source = .*$", lambda _: f"source = {json.dumps(source, ensure_ascii=False)}", block)


def rounded_up(value: float) -> float:
    """Return the next number of one digit: 3.2e-6 -> 4e-6."""
    power = 10.0 ** math.floor(math.log10(value))
    return math.ceil(value / power) * power


def diff(path: Path, new: str) -> Iterator[str]:
    """Yield the lines of a unified diff of a file of the repository."""
    name = path.relative_to(ROOT).as_posix()
    old = path.read_text(encoding="utf-8").splitlines(keepends=True)
    yield from difflib.unified_diff(old, new.splitlines(keepends=True), f"a/{name}", f"b/{name}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the diff."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device.proposal", description=__doc__)
    parser.add_argument("report", type=Path, metavar="FILE", help="device-report.json")
    report = read(parser.parse_args(arguments).report)
    for path, change in ((CODE, with_crossover), (THRESHOLDS, with_thresholds)):
        sys.stdout.writelines(diff(path, change(path.read_text(encoding="utf-8"), report)))


if __name__ == "__main__":
    try:
        main()
    except GateError as error:
        sys.exit(str(error))
