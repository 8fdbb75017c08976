"""A worker that only tells which process it is."""

import os
from typing import Any

from embedding_gate.serving import serve


def start() -> Any:
    """Answer whatever is asked."""
    return lambda _: {"pid": os.getpid()}


if __name__ == "__main__":
    serve(start)
