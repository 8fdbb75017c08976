"""Runs over time: a file with one line of JSON for each run, which is only ever added to."""

import os
from pathlib import Path

import msgspec

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.report.schema.record import Record, Run, RunModel, RunSpeed
from embedding_gate.signals import uninterrupted

__all__ = ["append", "check_appendable", "line_of", "read_history"]


def line_of(record: Record) -> Run:
    """Return what the history keeps of a run: each check's measurement, and each benchmark's median."""
    made = record.made
    models = [
        RunModel(
            name=model.name,
            red=len(model.red),
            checks=len(model.verdicts),
            figures={one.check: one.measured for one in model.verdicts},
        )
        for model in record.models
    ]
    return Run(
        when=made.when,
        revision=made.revision,
        command=made.command,
        device=made.device,
        machine=made.machine,
        verdict=record.verdict,
        models=models,
        speed=msgspec.convert(record.speed, list[RunSpeed], from_attributes=True),
    )


def read_history(path: Path) -> list[Run]:
    """Read the runs of a file, the oldest first; none where there is no file yet.

    Raises:
        FixtureError: it cannot be read, or a line is no run (names the line). Nothing is changed.

    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n") if path.exists() else [""]
    except (OSError, UnicodeDecodeError) as error:
        raise FixtureError(path, f"cannot be read ({error})", hint="name another file") from error
    if lines[-1]:
        raise FixtureError(
            f"{path}:{len(lines)}",
            "the last line was cut off",
            hint="complete or remove it; nothing was changed",
        )
    return [_run(f"{path}:{number}", line) for number, line in enumerate(lines[:-1], start=1)]


def _run(where: str, line: str) -> Run:
    try:
        return msgspec.json.decode(line, type=Run)
    except (msgspec.MsgspecError, RecursionError) as error:
        hint = "correct or remove the line; nothing was changed"
        raise FixtureError(where, f"is no run ({error})", hint=hint) from error


def append(path: Path, record: Record) -> None:
    """Add a run as one line, whole or not at all.

    Raises:
        InputError: it cannot be written; the file is as it was.

    """
    line = msgspec.json.encode(line_of(record)) + b"\n"
    try:
        with uninterrupted(), path.open("ab") as file:
            before = os.fstat(file.fileno()).st_size
            # One call, so that two runs that end together do not mix their lines.
            if os.write(file.fileno(), line) < len(line):
                os.ftruncate(file.fileno(), before)
                raise OSError("the disk is full")
    except OSError as error:
        raise InputError(
            path, f"cannot be written ({error})", hint="free space, or name another file"
        ) from error


def check_appendable(path: Path) -> None:
    """See that a line can be added, and add none.

    Raises:
        InputError: it cannot.

    """
    try:
        if path.exists():
            path.open("ab").close()
        elif not path.absolute().parent.is_dir():
            raise OSError("no such folder")
    except OSError as error:
        raise InputError(path, f"cannot be written ({error})", hint="name another file") from error
