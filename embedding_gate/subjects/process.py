"""A subject in a process of its own, and in an environment of its own: ``python:MODULE:NAME``."""

import json
import signal
import subprocess
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TimedOut
from contextlib import suppress
from itertools import count
from math import prod
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.errors import SubjectLost, SubjectMalformed, SubjectRefused
from embedding_gate.signals import end_group

__all__ = ["Process", "texts_in_words"]

SERVED = Path(__file__).with_name("served.py")
BY_HAND = "call it by hand with these texts"
SLOW = "give it more time (--subject-timeout)"
LINGERS = 5.0  # seconds that what left the process' group may hold its pipes open
Answer = dict[str, Any]


class Process:
    """The process of one subject.

    target: MODULE:NAME. interpreter: of Python, in whose environment the subject runs.
    folder: of the model that it claims to be.
    timeout: seconds that one call may take. The import of the subject counts as one call.

    offers: see offers.py. prompts: names of the prompts that it takes.

    Raises:
        SubjectLost: it cannot be opened.

    """

    def __init__(self, target: str, *, interpreter: str, folder: Path, timeout: float) -> None:
        self.name, self.timeout = f"python:{target}", timeout
        self._said = TemporaryFile()  # noqa: SIM115  (it lives as long as the process)
        try:
            self._process = subprocess.Popen(  # noqa: S603  (the user's own program)
                [interpreter, str(SERVED), target, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._said,
                start_new_session=True,  # what the subject starts ends with it
            )
        except OSError as error:
            self._said.close()
            what = f"cannot be started ({error.strerror})"
            raise SubjectLost(
                f"--python={interpreter}", what, hint="name a Python, as ENV/bin/python"
            ) from error
        self._numbers, self._lock = count(1), threading.Lock()
        self._waiting: dict[int, Future[Answer]] = {0: Future()}
        self._ended = ""
        self._requests: SimpleQueue[bytes] = SimpleQueue()
        self._threads = [threading.Thread(target=work, daemon=True) for work in (self._read, self._write)]
        for thread in self._threads:
            thread.start()
        opened = self._answer(0, "was imported", "run that import by hand")
        if failed := opened.get("failed"):
            self.close()
            hint = "name MODULE:NAME as this Python imports it from the current folder"
            if "no function of a list" in failed:
                hint = "write a function of a list of texts that returns their vectors, and name it"
            raise SubjectLost(self.name, f"cannot be opened: {failed}", hint=hint)
        self.offers = frozenset(opened["offers"]) | {"new process"}
        self.prompts = frozenset(opened["prompts"])

    @property
    def pid(self) -> int:
        """The number of the process."""
        return self._process.pid

    def encode(self, texts: Sequence[str], **options: Any) -> NDArray[np.float32]:
        """Return vectors (N, D) of N texts.

        Raises:
            SubjectRefused: the subject raised an error.
            SubjectMalformed: what it gave is no vector for each text.
            SubjectLost: it ended, or took too long.

        """
        number = next(self._numbers)
        with self._lock:
            apart = bool(self._waiting)
            self._waiting[number] = Future()
            if self._ended:
                self._waiting[number].set_result({"ended": self._ended})
        request = {"id": number, "texts": list(texts), "options": options, "apart": apart}
        self._requests.put(json.dumps(request).encode() + b"\n")
        asked = f"was asked for {texts_in_words(texts)}"
        answer = self._answer(number, asked, BY_HAND)
        if refused := answer.get("refused"):
            raise SubjectRefused(self.name, f"{asked} and raised {refused}", hint=BY_HAND)
        if malformed := answer.get("malformed"):
            hint = "return one vector for each text, all of one width"
            raise SubjectMalformed(self.name, f"{asked} and gave {malformed}", hint=hint)
        vectors: NDArray[np.float32] = answer["vectors"]
        return vectors

    def close(self) -> None:
        """End the process, and what it started."""
        if self._process.poll() is None:
            end_group(self._process)
        for thread in self._threads:
            thread.join(LINGERS)

    def _answer(self, number: int, asked: str, hint: str) -> Answer:
        """Wait for an answer. A subject that gave none is ended: it may never return from that call."""
        try:
            answer = self._waiting[number].result(self.timeout)
        except TimedOut:
            self.close()
            what = f"{asked} and gave no answer in {self.timeout:g} s"
            raise SubjectLost(self.name, what, hint=f"{hint}, or {SLOW}") from None
        finally:
            with self._lock:
                del self._waiting[number]
        if ended := answer.get("ended"):
            raise SubjectLost(self.name, f"{asked} and {ended}", hint=hint)
        return answer

    def _write(self) -> None:
        """Write requests until an empty one comes. A full pipe makes this thread wait, and nobody else."""
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as to:  # _read tells that the process ended
            while request := self._requests.get():
                to.write(request)
                to.flush()

    def _read(self) -> None:
        """Hand each answer to the call that waits for it. When the process ends, tell all calls."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer: Answer = json.loads(line)
            if "shape" in answer:
                data = self._process.stdout.read(4 * prod(answer["shape"]))
                if len(data) < 4 * prod(answer["shape"]):
                    break
                answer["vectors"] = np.frombuffer(data, dtype=np.float32).reshape(answer["shape"]).copy()
            with self._lock:
                waiting = self._waiting.get(answer.get("id", 0))
            if waiting is not None and not waiting.done():
                waiting.set_result(answer)
        code = self._process.wait()
        with self._lock:
            self._ended = f"ended ({_code(code)}): {self._last_words()}"
            for one in self._waiting.values():
                if not one.done():
                    one.set_result({"ended": self._ended})
        self._process.stdout.close()
        self._said.close()
        self._requests.put(b"")

    def _last_words(self) -> str:
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").strip().splitlines()
        return lines[-1].strip() if lines else "it said nothing"


def texts_in_words(texts: Sequence[Any]) -> str:
    """Name the texts of a call: how many, and how the first begins."""
    if not texts:
        return "no texts"
    first = ascii(texts[0])
    shown = first if len(first) <= 40 else f"{first[:37]}..."
    return f"1 text, {shown}" if len(texts) == 1 else f"{len(texts)} texts, the first {shown}"


def _code(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
