"""The gate's errors. Each message is one line: where it happened, what is wrong, how to fix it.

GateError
├── EndpointError          a server of embeddings is not there, or its answer cannot be used
├── FixtureError           a file of the gate (texts, goldens, thresholds) is missing or malformed
├── InputError             an option or a figure that was given is not acceptable (also a ValueError)
├── SubjectError           a subject outside of this repository gave no vectors
│   ├── SubjectRefused     it raised an error, or answered with one; it can be asked again
│   ├── SubjectMalformed   its answer is not one vector for each text; it can be asked again
│   └── SubjectLost        it cannot be opened, it ended, or it took too long; the run ends
└── WorkerError            a process that was started ended or is silent
    └── Unavailable        it cannot work here: a package or a device is missing

The library has its own errors. The judge does not import them.
"""

import re
from functools import partial
from typing import Any

__all__ = [
    "EndpointError",
    "FixtureError",
    "GateError",
    "InputError",
    "SubjectError",
    "SubjectLost",
    "SubjectMalformed",
    "SubjectRefused",
    "Unavailable",
    "WorkerError",
]


class GateError(Exception):
    """The root of every error that the gate raises on purpose."""

    def __init__(self, where: object, what: str, *, hint: str) -> None:
        self.where, self.what, self.hint = str(where), what, hint
        super().__init__(re.sub(r"\s*[\r\n]\s*", " ", f"{where}: {what}; {hint}"))

    def __reduce__(self) -> tuple[Any, ...]:
        return partial(type(self), self.where, self.what, hint=self.hint), ()  # to pass to another process


class EndpointError(GateError):
    """A server of embeddings is not there, or its answer cannot be used."""


class FixtureError(GateError):
    """A file of the gate (texts, goldens, thresholds) is missing or malformed."""


class InputError(GateError, ValueError):
    """An option or a figure that was given is not acceptable."""


class WorkerError(GateError):
    """A process that was started ended or is silent."""


class Unavailable(WorkerError):
    """A process cannot work here: a package or a device is missing."""


class SubjectError(GateError):
    """A subject outside of this repository gave no vectors."""


class SubjectRefused(SubjectError):
    """A subject raised an error, or answered with one. It can be asked again."""


class SubjectMalformed(SubjectError):
    """A subject's answer is not one vector for each text. It can be asked again."""


class SubjectLost(SubjectError):
    """A subject cannot be opened, it ended, or it took too long. Nothing more can be asked of it."""
