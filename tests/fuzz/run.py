"""Gives changed files to a reader, and finds what it must not do.

A reader may give a result or raise an error of the project, in one line. Anything else is a finding: another
error, more than 2 seconds, more than 1 GB of memory, a file that is written elsewhere. The file of a finding
is kept in build/fuzz.
"""

import re
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

from embedding_gate.adapter import ERRORS
from embedding_gate.own_files import ROOT
from tests.fuzz.changes import changed
from tests.fuzz.reader import Reader, scratch
from tests.fuzz.readers import readers
from tests.soak.calls import resident

__all__ = ["Finding", "fuzzed", "run", "tried"]

SLOW, MEMORY = 2.0, 1024.0  # seconds of CPU; MiB
KEPT = ROOT / "build" / "fuzz"
WRITES = ("open", "os.rename", "os.remove", "os.mkdir", "os.link", "os.symlink")


class Finding(Exception):
    """A reader did what it must not do."""


def fuzzed(name: str, seconds: float, number: int) -> tuple[int, list[str]]:
    """Fuzz one reader in a process of its own: see run."""
    warnings.simplefilter("ignore")
    return run(readers()[name], seconds=seconds, number=number)


def run(reader: Reader, *, seconds: float, number: int) -> tuple[int, list[str]]:
    """Fuzz a reader for so many seconds. Return how many files it got, and the first finding, if any."""
    draw, inputs, until = Random(f"{reader.name} {number}"), 0, time.monotonic() + seconds  # noqa: S311
    while time.monotonic() < until:
        content, inputs = changed(draw, reader.contents), inputs + 1
        try:
            tried(reader, content)
        except Finding as finding:
            KEPT.mkdir(parents=True, exist_ok=True)
            (KEPT / re.sub(r"\W", "-", reader.name)).write_bytes(content)
            return inputs, [str(finding)]
    return inputs, []


def tried(reader: Reader, content: bytes) -> None:
    """Give a reader one file.

    Raises:
        Finding: it did what it must not do.

    """
    start, before = time.process_time(), resident()
    with _watched() as written, _limited():
        try:
            reader.read(content)
        except ERRORS as error:
            if "\n" in str(error) or "\r" in str(error):
                raise _finding(content, f"an error of several lines: {error!r}") from error
        except Exception as error:
            raise _finding(content, f"{type(error).__name__}: {error}") from error
    if (spent := time.process_time() - start) > SLOW:
        raise _finding(content, f"{spent:.1f} s")
    if (grown := resident() - before) > MEMORY:
        raise _finding(content, f"{grown:,.0f} MiB")
    if written:
        raise _finding(content, f"wrote {written[0]}")


def _finding(content: bytes, what: str) -> Finding:
    shown = repr(content if len(content) < 200 else content[:200] + b"...")
    return Finding(f"{what[:200]} of {shown}")


@contextmanager
def _limited() -> Iterator[None]:
    """Stop a reader that does not end: twice the time that it may take, by the processor's clock."""

    def stop(*_: object) -> None:
        raise TimeoutError(f"no end after {2 * SLOW:g} s")

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, 2 * SLOW)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


_written: list[str] | None = None


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    """Note each file that is written outside the readers' folder."""
    if _written is None or event not in WRITES:
        return
    if event == "open" and not (isinstance(arguments[1], str) and set(arguments[1]) & set("wax+")):
        return
    path = str(arguments[0])
    if not Path(path).resolve().is_relative_to(scratch()) and path != "/dev/null":
        _written.append(path)


sys.addaudithook(_audit)


@contextmanager
def _watched() -> Iterator[list[str]]:
    global _written  # noqa: PLW0603  (an audit hook cannot be removed)
    _written = []
    try:
        yield _written
    finally:
        _written = None
