"""Measures what this project lacks of a device: ``make mac-report``, on any device.

It runs the gate, the crossover table, decoders beside mlx-lm, and the benchmarks, in at most 15 minutes. It
writes ``device-report.json``, with all output and records, and ``device-report.md``, for an issue. A red gate
is part of the report. Maintainers read it with ``benchmarks.device.proposal``.
"""

import argparse
import json
import os
import platform
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

from benchmarks.device.steps import Step, command, steps
from embedding_gate.git import state_of
from embedding_gate.machine import machine
from embedding_gate.own_files import ROOT
from embedding_gate.signals import end_group, stoppable
from embeddings.backend import mx
from embeddings.models.quantized import backend

VERSION = 1
PATIENCE = 15  # seconds of a step's time that it has to end by itself
LINES, MOST = 90, 65_000  # lines of a step's output in the Markdown; characters of all: an issue holds 65,536


def facts() -> dict[str, Any]:
    """Describe machine, system and revision, as far as they are known."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    found = {
        **machine([]),
        "backend": backend(),
        "architecture": mx.device_info(mx.default_device()).get("architecture"),
        "memory": f"{memory / 2**30:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        **state_of(ROOT, untracked=False),
    }
    return {name: value for name, value in found.items() if value not in ("", None)}


def run(step: Step, folder: Path) -> dict[str, Any]:
    """Run a step. Return its command, exit code (None: stopped), seconds, output, and what it recorded."""
    log, record, start = folder / "output.txt", folder / step.record, time.perf_counter()
    if step.record:
        record.unlink(missing_ok=True)  # of an earlier report in the same folder
    with log.open("w", encoding="utf-8") as file:
        code = ended(command(step), file, 60 * step.minutes)
    return {
        "name": step.name,
        "command": plain(f"python -m {shlex.join(step.arguments)}"),
        "code": code,
        "seconds": round(time.perf_counter() - start, 1),
        "output": plain(log.read_text(encoding="utf-8", errors="replace")),
        "record": json.loads(plain(record.read_text(encoding="utf-8"))) if record.is_file() else None,
    }


def ended(arguments: Sequence[str], output: TextIO, seconds: float) -> int | None:
    """Run a process, and end it and all that it started. Return its exit code; None if it was stopped.

    It is interrupted before its time is over: then pytest still prints what it has measured.
    """
    process = subprocess.Popen(
        arguments,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        with suppress(subprocess.TimeoutExpired):
            return process.wait(seconds - PATIENCE)
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(PATIENCE)
        return None
    finally:
        end_group(process)


def plain(text: str) -> str:
    """Return a text without the folders of this computer: an issue is public."""
    return text.replace(str(ROOT), ".").replace(str(Path.home()), "~")


def markdown(report: dict[str, Any]) -> str:
    """Write a report as a block that an issue can hold: the last lines of each step, as many as fit."""
    texts = (_markdown(report, lines) for lines in range(LINES, 0, -1))
    return next(text for text in texts if len(text) <= MOST)


def _markdown(report: dict[str, Any], lines: int) -> str:
    known = ", ".join(f"{key} {value}" for key, value in report["machine"].items())
    written = [f"## Device report: {report['machine']['chip']}", "", known, ""]
    for step in report["steps"]:
        output = step["output"].rstrip().splitlines()
        written += [f"<details><summary>{step['name']}: {outcome(step)}</summary>", ""]
        written += [f"`{step['command']}`", "", "```", *output[-lines:], "```", "", "</details>", ""]
    return "\n".join(written)


def outcome(step: dict[str, Any]) -> str:
    """Say how a step ended and how long it took."""
    how = "stopped at its limit" if step["code"] is None else f"exit code {step['code']}"
    return f"{how}, {step['seconds']:.0f} s"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line. Add the steps to run, and make the folder."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.device", description=__doc__)
    parser.add_argument("--folder", type=Path, default=Path("device-report"), help="default: device-report")
    parser.add_argument("--small", action="store_true", help="in little, to try this command")
    parser.add_argument("--longer", type=float, default=1, metavar="TIMES", help="multiply each step's limit")
    parser.add_argument("--skip", action="append", default=[], metavar="STEP", help="leave a step out")
    options = parser.parse_args(arguments)
    options.folder = options.folder.resolve()
    planned = steps(options.folder, small=options.small)
    if not options.longer > 0:
        parser.error(f"--longer: must be above 0, got {options.longer:g}; name how many times longer")
    if unknown := set(options.skip) - {step.name for step in planned}:
        names = ", ".join(repr(step.name) for step in planned)
        parser.error(f"--skip: no step {min(unknown)!r} here; name one of {names}")
    try:
        options.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--folder: {options.folder} cannot be made ({error.strerror}); name another")
    kept = [step for step in planned if step.name not in options.skip]
    options.steps = [replace(step, minutes=step.minutes * options.longer) for step in kept]
    return options


def main(arguments: Sequence[str] | None = None) -> None:
    """Run all steps and write the two files. Both are written after each step."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"}  # a model that is not here is not fetched
    options = parse(arguments)
    folder, planned = options.folder, options.steps
    report: dict[str, Any] = {"version": VERSION, "small": options.small, "machine": facts(), "steps": []}
    print(f"{len(planned)} steps, at most {sum(step.minutes for step in planned):g} minutes in all")
    for step in planned:
        print(f"{step.name}, at most {step.minutes:g} minutes: ", end="", flush=True)
        report["steps"].append(run(step, folder))
        print(outcome(report["steps"][-1]), flush=True)
        (folder / "device-report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
        (folder / "device-report.md").write_text(markdown(report), encoding="utf-8")
    print("a red gate or benchmark (exit code 1) is part of the report")
    print(f"wrote {folder / 'device-report.json'}; paste {folder / 'device-report.md'} into an issue")


if __name__ == "__main__":
    try:
        with stoppable():
            main()
    except KeyboardInterrupt:
        sys.exit("stopped; the files have the steps before")
