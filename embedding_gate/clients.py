"""Opens the client of a subject of which only vectors are seen."""

import sys
from pathlib import Path

from embedding_gate.endpoint import is_address, open_client
from embedding_gate.errors import InputError
from embedding_gate.own_files import Options
from embedding_gate.subjects.black_box import Client
from embedding_gate.subjects.process import Process
from embedding_gate.subjects.server import Server

__all__ = ["connect"]

PYTHON = "python:"
FORMS = "python:MODULE:NAME, http://HOST:PORT/v1/embeddings, ollama:HOST:PORT or tei:HOST:PORT"


def connect(options: Options, model: str, folder: Path) -> Client:
    """Open the client of the subject that ``options.subject`` names.

    Raises:
        GateError: there is none, or it cannot be opened.

    """
    spec = options.subject or ""
    if is_address(spec):
        client = open_client(spec, options.served_as or model, timeout=options.timeout)
        return Server(spec, client)
    target = spec.removeprefix(PYTHON)
    if not spec.startswith(PYTHON) or not all(target.partition(":")):
        raise InputError(f"--subject={spec}", "is no subject", hint=f"write {FORMS}")
    interpreter = options.python or sys.executable
    return Process(target, interpreter=interpreter, folder=folder, timeout=options.timeout)
