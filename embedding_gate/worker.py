"""Another process that encodes: ``python -m embedding_gate.worker``.

A line of JSON goes in, the bytes of an .npy file come out.
"""

import importlib
import io
import json
import os
import select
import subprocess
import sys
import threading
import warnings
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

import embeddings

__all__ = ["Elsewhere"]

ROOT = Path(__file__).resolve().parents[1]
_SIZE = 8  # bytes, before an answer: how long it is


class Elsewhere(AbstractContextManager["Elsewhere"]):
    """A process of its own, ended with the context."""

    def __init__(self) -> None:
        self._said = TemporaryFile()  # noqa: SIM115  (close() closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "embedding_gate.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), *sys.path)))},
        )

    def encode(self, asked: dict[str, Any]) -> NDArray[np.float32]:
        """Return vectors (N, D) of the texts that are asked for.

        Raises:
            RuntimeError: the process came to an end.

        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # what it said last tells more
            self._process.stdin.write(json.dumps(asked).encode() + b"\n")
            self._process.stdin.flush()
        size = self._process.stdout.read(_SIZE)
        answer = self._process.stdout.read(int.from_bytes(size)) if size else b""
        if not answer:
            self._process.wait()
            self._said.seek(0)
            lines = self._said.read().decode(errors="replace").strip().splitlines()
            raise RuntimeError(f"the new process failed: {lines[-1] if lines else 'it said nothing'}")
        vectors: NDArray[np.float32] = np.load(io.BytesIO(answer), allow_pickle=False)
        return vectors

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._said.close()


def injected(variant: tuple[str, str, int] | None) -> AbstractContextManager[object]:
    """Change the library as the asking process did: by a module's ``injected``, of a name and a seed."""
    return importlib.import_module(variant[0]).injected(*variant[1:]) if variant else nullcontext()


def answer(asked: dict[str, Any], to: BinaryIO) -> None:
    """Encode the texts that are asked for, by the model, recipe, limit and device that are."""
    embeddings.use_device(asked["device"])
    with injected(asked["variant"]):
        model = embeddings.load(
            asked["model"],
            recipe=asked["recipe"],
            max_tokens=asked["max_tokens"],
            precision=asked["precision"],
        )
        vectors = model.encode(asked["texts"])
    file = io.BytesIO()
    np.save(file, vectors, allow_pickle=False)
    to.write(len(file.getvalue()).to_bytes(_SIZE) + file.getvalue())
    to.flush()


def end_with_stdin() -> None:
    """End this process, whatever it is at, when nobody is left to ask: who did may have been killed."""
    asker = select.poll()
    asker.register(0, 0)  # that it hung up is told of always
    asker.poll()
    os._exit(0)


def main() -> None:
    """Answer each line, until there is no more."""
    threading.Thread(target=end_with_stdin, daemon=True).start()
    warnings.simplefilter("ignore", embeddings.TruncationWarning)
    with os.fdopen(os.dup(1), "wb") as to:
        os.dup2(2, 1)  # what the library prints is no answer
        for line in sys.stdin:
            answer(json.loads(line), to)


if __name__ == "__main__":
    main()
