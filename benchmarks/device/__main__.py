"""Measures what this project lacks of a device: ``make device-report`` (on a Mac: ``make mac-report``).

It runs the gate, the crossover table, decoders beside mlx-lm, and the benchmarks, in at most 15 minutes. It
writes ``device-report.json``, with all output and records, and ``device-report.md``, for an issue. A red gate
is part of the report. Maintainers read it with ``benchmarks.device.proposal``.
"""

import argparse
import json
import os
import platform
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.device.steps import Step, command, steps
from embedding_gate.machine import machine
from embeddings.models.quantized import backend

VERSION = 1
LINES = 90  # of each step's output in the Markdown: an issue holds 65,536 characters


def run(step: Step, folder: Path) -> dict[str, Any]:
    """Run a step. Return its command, exit code (None: stopped), seconds, output, and what it recorded."""
    log, start = folder / "output.txt", time.perf_counter()
    with log.open("w", encoding="utf-8") as file:
        try:
            done = subprocess.run(
                command(step),
                stdout=file,
                stderr=subprocess.STDOUT,
                timeout=60 * step.minutes,
                check=False,
            )
            code: int | None = done.returncode
        except subprocess.TimeoutExpired:
            code = None
    record = folder / step.record
    return {
        "name": step.name,
        "command": f"python -m {' '.join(step.arguments)}",
        "code": code,
        "seconds": round(time.perf_counter() - start, 1),
        "output": log.read_text(encoding="utf-8", errors="replace"),
        "record": json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None,
    }


def markdown(report: dict[str, Any]) -> str:
    """Write a report as a block for an issue."""
    facts = ", ".join(f"{key} {value}" for key, value in report["machine"].items())
    lines = [f"## Device report: {report['machine']['chip']}", "", facts, ""]
    for step in report["steps"]:
        ended = "stopped at its limit" if step["code"] is None else f"exit code {step['code']}"
        output = step["output"].rstrip().splitlines()
        lines += [f"<details><summary>{step['name']}: {ended}, {step['seconds']:.0f} s</summary>", ""]
        lines += [f"`{step['command']}`", "", "```", *output[-LINES:], "```", "", "</details>", ""]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all steps and write the two files. Both are written after each step."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("device-report"), help="default: device-report")
    parser.add_argument("--small", action="store_true", help="in little, to try this command")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave a step out")
    options = parser.parse_args(arguments)
    os.environ |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}  # a model that is not here is not fetched
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    facts = {**machine([]), "backend": backend(), "python": platform.python_version()}
    report: dict[str, Any] = {"version": VERSION, "machine": facts, "steps": []}
    for step in steps(folder, small=options.small):
        if step.name in options.skip:
            continue
        print(f"{step.name}: at most {step.minutes:g} minutes", flush=True)
        report["steps"].append(run(step, folder))
        (folder / "device-report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (folder / "device-report.md").write_text(markdown(report), encoding="utf-8")
    print(f"wrote {folder / 'device-report.json'}; paste {folder / 'device-report.md'} into an issue")


if __name__ == "__main__":
    main()
