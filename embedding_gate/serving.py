"""The worker's side of ``workers.py``: it reads one line of JSON and writes one line of JSON.

It also runs with other interpreters, so it needs only the standard library and NumPy.
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
    """Write a hello line, then answer each request line until the input ends.

    The first input line names the needed packages. The hello line is written when ``start`` is done. It gives
    the versions of the packages or says what is missing. ``start`` returns the function that answers each
    later line. An error ends the process. Then the parent process reads its last output.
    """
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    atexit.register(_end_group)  # the main thread may be the first to see that the parent is gone
    out = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)  # output of libraries must not mix with the answers

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
        Unavailable: a package is not installed.

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
    """Write an array as JSON: the bits of its numbers, their type and the shape."""
    found = np.ascontiguousarray(vectors)
    return {
        "type": str(found.dtype),
        "shape": list(np.shape(vectors)),
        "bits": base64.b64encode(found.tobytes()).decode(),
    }


def unpack(answer: dict[str, Any]) -> NDArray[Any]:
    """Return the array that was packed.

    Raises:
        GateError: the array does not hold floats.

    """
    if not answer["type"].startswith("float"):
        raise GateError("encode", f"gave {answer['type']} {answer['shape']}", hint="return floats")
    bits = base64.b64decode(answer["bits"])
    return np.frombuffer(bits, dtype=answer["type"]).reshape(answer["shape"])


def _end_with_stdin() -> None:
    """End this process and its group at once when the parent process is gone."""
    asker = select.poll()
    asker.register(0, 0)  # poll always reports a hang-up
    asker.poll()
    _end_group()
    os._exit(0)


def _end_group() -> None:
    """If this process leads its own group, end all processes of the group, itself included."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
