"""Worker processes that answer requests over pipes. A request and an answer are each one line of JSON.

``serving.py`` is the side of the worker process. A process holds one engine. So no two engines share memory,
threads or a BLAS, and each can run with the interpreter of its own environment.
"""

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from embedding_gate.errors import Unavailable, WorkerError
from embedding_gate.signals import end_group

__all__ = ["Worker"]

ROOT = Path(__file__).resolve().parents[1]
TIMEOUT = 3600  # seconds to wait for an answer: loading may download a model
CHUNK, TAIL = 1 << 16, 1 << 14  # bytes of one read; bytes of the last output that are kept for an error
HINT = "run it by itself, and see all that it prints"


@dataclass
class Worker:
    """A worker process that runs ``module`` with ``arguments`` for the time of a with block.

    needs: packages that its interpreter must have. timeout: seconds to wait for one answer.
    """

    name: str
    module: str
    arguments: Sequence[str] = ()
    python: str = sys.executable
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[str] = ()
    timeout: float = TIMEOUT
    hint: str = HINT
    process: subprocess.Popen[bytes] | None = field(init=False, default=None)

    def __enter__(self) -> "Worker":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start the process and do not wait for it.

        Raises:
            WorkerError: the interpreter cannot be run.

        """
        self._hello: dict[str, Any] | None = None
        self._printed: IO[bytes] = TemporaryFile()  # noqa: SIM115  (stop() closes it)
        try:
            self.process = self._popen()
        except OSError as error:
            self._printed.close()
            hint = "name an interpreter that is there"
            raise WorkerError(
                self.name, f"{self.python} cannot be run ({error.strerror})", hint=hint
            ) from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self._to, self._from = self.process.stdin.fileno(), self.process.stdout.fileno()
        os.set_blocking(self._to, False)
        with suppress(BrokenPipeError):  # versions() reports the cause
            self._send(list(self.needs), time.monotonic() + self.timeout)

    def versions(self) -> dict[str, str]:
        """Wait until the process is ready; return the versions of its Python and of the packages it needs.

        Raises:
            Unavailable: its interpreter or its machine lacks something.
            WorkerError: the process ended or does not answer in time.

        """
        if self._hello is None:
            self._hello = self._receive(time.monotonic() + self.timeout)
        if why := self._hello.get("unavailable"):
            raise Unavailable(self.name, why, hint=self._hello["hint"])
        versions: dict[str, str] = self._hello["versions"]
        return versions

    def ask(self, request: Any) -> Any:
        """Send a request and wait for its answer.

        Raises:
            Unavailable: its interpreter or its machine lacks something.
            WorkerError: the process ended or does not answer in time.

        """
        self.versions()
        until = time.monotonic() + self.timeout
        with suppress(BrokenPipeError):  # the last output of the process tells more
            self._send(request, until)
        return self._receive(until)

    def stop(self) -> None:
        """End the process and all processes that it started. A second call does nothing."""
        if self.process is None:
            return
        end_group(self.process)
        with self.process:  # closes the pipes
            self._printed.close()
        self.process = None

    def _popen(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [self.python, "-m", self.module, *self.arguments],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._printed,
            bufsize=0,
            start_new_session=True,  # Ctrl-C goes to the parent only; stop() ends the whole group
        )

    def _send(self, request: Any, until: float) -> None:
        line = memoryview(json.dumps(request).encode() + b"\n")
        while line:
            self._wait_for(self._to, select.POLLOUT, until)
            with suppress(BlockingIOError):
                line = line[os.write(self._to, line) :]

    def _receive(self, until: float) -> Any:
        chunks = [b""]
        while not chunks[-1].endswith(b"\n"):
            self._wait_for(self._from, select.POLLIN, until)
            if not (chunk := os.read(self._from, CHUNK)):
                raise self._error("its process stopped", until)
            chunks.append(chunk)
        return json.loads(b"".join(chunks))

    def _wait_for(self, pipe: int, event: int, until: float) -> None:
        ready = select.poll()
        ready.register(pipe, event)
        if not ready.poll(max(0, until - time.monotonic()) * 1000):
            raise self._error(f"no answer in {self.timeout:g} s", until)

    def _error(self, what: str, until: float) -> WorkerError:
        """End the process and return an error with its last line of output."""
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):  # a stopping process may still print its error
            self.process.wait(max(0, until - time.monotonic()))
        end_group(self.process)
        self._printed.seek(max(0, self._printed.seek(0, os.SEEK_END) - TAIL))
        lines = self._printed.read().decode(errors="replace").strip().splitlines() or ["it printed nothing"]
        return WorkerError(self.name, f"{what}: {lines[-1]}", hint=self.hint)
