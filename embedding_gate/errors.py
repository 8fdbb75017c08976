"""The gate's errors. Each message is one line: where it happened, what is wrong, how to fix it.

GateError
├── EndpointError  a server of embeddings is not there, or its answer cannot be used
├── FixtureError   a file of the gate (texts, goldens, thresholds) is missing or malformed
├── InputError     an option or a figure that was given is not acceptable (also a ValueError)
└── WorkerError    a process that was started ended or is silent
    └── Unavailable   it cannot work here: a package or a device is missing

The library has its own errors. The judge does not import them.
"""

import re

__all__ = ["EndpointError", "FixtureError", "GateError", "InputError", "Unavailable", "WorkerError"]


class GateError(Exception):
    """The root of every error that the gate raises on purpose."""

    def __init__(self, where: object, what: str, *, hint: str) -> None:
        self.where, self.what, self.hint = str(where), what, hint
        super().__init__(re.sub(r"\s*[\r\n]\s*", " ", f"{where}: {what}; {hint}"))


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
