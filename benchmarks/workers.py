"""Engines in processes of their own, asked over pipes: a line of JSON in, a line of JSON out.

A process holds one engine, so that none shares memory, threads or a BLAS with another, and each can run
under the interpreter of an environment of its own. This module needs the standard library alone.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[1]


@dataclass
class Worker:
    """A process that runs ``module`` with ``arguments``, from entering to leaving a with block."""

    name: str
    module: str
    arguments: Sequence[str]
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    errors: IO[bytes] | None = None  # where its stderr goes, if not with ours

    def __enter__(self) -> "Worker":
        self.process = subprocess.Popen(
            [self.python, "-m", self.module, *self.arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
            start_new_session=True,  # Ctrl-C is for who started it, and ends it by closing its stdin
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ask(self, request: Any) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Raises:
            SystemExit: the process ended; what it printed stands above.

        """
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise SystemExit(f"{self.name}: the worker stopped; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def serve(start: Callable[[], Callable[[Any], dict[str, Any]]]) -> None:
    """Be a worker: ``start`` loads the engine, and what it returns answers each line of stdin."""
    out, sys.stdout = sys.stdout, sys.stderr  # libraries print progress; the answers are ours alone
    answer = start()
    for line in sys.stdin:
        out.write(json.dumps(answer(json.loads(line))) + "\n")
        out.flush()
