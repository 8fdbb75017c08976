"""The side of a process that is asked by ``workers.py``: a line of JSON in, a line of JSON out.

It runs under other interpreters too, so it needs nothing but the standard library and NumPy.
"""

import atexit
import base64
import json
import os
import platform
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterable
from importlib import metadata
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import GateError, Unavailable

__all__ = ["pack", "serve", "unpack", "versions_of"]


def serve(start: Callable[[], Callable[[Any], Any]]) -> None:
    """Say hello, then answer each line, until there are no more.

    The first line names the packages that are needed. The hello names their versions, or says what is
    missing; it comes when ``start`` is done. What ``start`` returns answers each other line. An error ends
    the process: who asks reads what it printed last.
    """
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    atexit.register(_end_group)  # this thread may see first that nobody is left to ask
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # what libraries print is no answer

    def say(answer: Any) -> None:
        out.write(json.dumps(answer) + "\n")
        out.flush()

    try:
        versions = versions_of(json.loads(sys.stdin.readline()))
        answer = start()
    except Unavailable as error:
        say({"unavailable": error.what, "hint": error.hint})
        return
    say({"versions": versions})
    for line in sys.stdin:
        say(answer(json.loads(line)))


def versions_of(packages: Iterable[str]) -> dict[str, str]:
    """Return the versions of Python and of packages.

    Raises:
        Unavailable: one is not installed.

    """
    found, absent = {"python": platform.python_version()}, []
    for name in packages:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            absent.append(name)
    if absent:
        hint = f"install it for {sys.executable}, or name another interpreter"
        raise Unavailable(sys.executable, f"no {' and no '.join(absent)} here", hint=hint)
    return found


def pack(vectors: Any) -> dict[str, Any]:
    """Write an array as JSON: the bits of its numbers, their type, its shape."""
    found = np.ascontiguousarray(vectors)
    return {
        "type": str(found.dtype),
        "shape": list(np.shape(vectors)),
        "bits": base64.b64encode(found.tobytes()).decode(),
    }


def unpack(answer: dict[str, Any]) -> NDArray[Any]:
    """Return the array that was packed.

    Raises:
        GateError: there are no floats in it.

    """
    if not answer["type"].startswith("float"):
        raise GateError("encode", f"gave {answer['type']} {answer['shape']}", hint="return floats")
    bits = base64.b64decode(answer["bits"])
    return np.frombuffer(bits, dtype=answer["type"]).reshape(answer["shape"])


def _end_with_stdin() -> None:
    """End this process and its group, whatever it is at, when nobody is left to ask."""
    asker = select.poll()
    asker.register(0, 0)  # that it hung up is told of always
    asker.poll()
    _end_group()
    os._exit(0)


def _end_group() -> None:
    """End what this process has started, and itself, if it leads a group of its own."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
