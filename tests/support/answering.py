"""A worker that obeys its requests. It and its child process hold a pipe open until they end."""

import os
import signal
import subprocess
import sys
from typing import Any

from embedding_gate.serving import serve


def start() -> Any:
    """Open the pipe that the command line names, if any, and return the function that answers requests."""
    if sys.argv[1:]:
        pipe = open(sys.argv[1], "w")  # noqa: SIM115, PTH123  (it stays open until the process ends)
        subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"], stdout=pipe)

    def answer(request: str) -> Any:
        print("what a library prints is no answer", flush=True)
        if request == "hang":
            signal.pause()
        if request == "fail":
            raise ValueError("as it was told")
        return {"pid": os.getpid(), "length": len(request)}

    return answer


if __name__ == "__main__":
    serve(start)
