"""A worker that returns only its process number."""

import os
from typing import Any

from embedding_gate.serving import serve


def start() -> Any:
    """Answer every request."""
    return lambda _: {"pid": os.getpid()}


if __name__ == "__main__":
    serve(start)
