"""Test subjects, written as a user writes them: ``--subject=python:tests.support.subjects:NAME``.

They need only NumPy.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MANY = 5  # with this number of texts or more, some of these subjects fail
_both = threading.Barrier(2)
_calls: list[int] = []  # of rank_one_dies: how many texts each had


def hashed(texts: Sequence[Any]) -> Any:
    """Return a different vector of length 1 for each text."""
    rows = [np.random.default_rng(list(repr(text).encode())).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows]).reshape(-1, 8)


class Chain:
    """An object with the interface of LangChain."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return vectors (N, 8)."""
        return hashed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """Return a vector (8,) of the text after a prompt."""
        return hashed([f"query: {text}"])[0].tolist()  # type: ignore[no-any-return]


class Fast:
    """An object with the interface of fastembed. Its methods return a generator."""

    def embed(self, texts: list[str]) -> Iterator[Any]:
        """Yield a vector (8,) for each text."""
        yield from hashed(texts)

    def passage_embed(self, texts: list[str]) -> Iterator[Any]:
        """Yield a vector (8,) for each text after a prompt."""
        yield from hashed([f"passage: {text}" for text in texts])


class Sentences:
    """An object with the interface of sentence-transformers."""

    prompts = {"query": "query: ", "document": ""}  # noqa: RUF012

    def __init__(self, folder: str) -> None:
        self.folder = folder

    def encode(
        self,
        texts: list[str],
        prompt_name: str | None = None,
        *,
        truncate_dim: int | None = None,
        normalize_embeddings: bool = False,
    ) -> Any:
        """Return vectors (N, 8) or (N, truncate_dim)."""
        prefix = self.prompts[prompt_name] if prompt_name else ""
        found = hashed([prefix + text for text in texts])[:, :truncate_dim] * len(self.folder)
        return found / np.linalg.norm(found, axis=1, keepdims=True) if normalize_embeddings else found


def made() -> Chain:
    """Return an object with the interface of LangChain."""
    return Chain()


class Tensor:
    """A fake torch tensor. It has only the methods that are called."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def detach(self) -> "Tensor":
        """Return the tensor itself."""
        return self

    cpu = float = detach

    def numpy(self) -> Any:
        """Return the values."""
        return self._values


def tensors(texts: list[str]) -> Tensor:
    """Return a tensor."""
    return Tensor(hashed(texts))


def list_of_tensors(texts: list[str]) -> list[Tensor]:
    """Return a tensor for each text."""
    return [Tensor(row) for row in hashed(texts)]


def talks(texts: list[str]) -> Any:
    """Print, and read from stdin, to which nobody writes."""
    print("words on stdout")
    os.write(1, b"and words below Python\n")
    assert not sys.stdin.read()
    return hashed(texts)


def place(texts: list[str]) -> list[list[float]]:
    """Return the process number, and whether this is the main thread."""
    main = threading.current_thread() is threading.main_thread()
    return [[os.getpid(), main] for _ in texts]


def meets(texts: list[str]) -> Any:
    """Wait until another call arrives too."""
    if texts != ["a text"]:
        _both.wait(timeout=60)
    return hashed(texts)


def starts_another(texts: list[str]) -> list[list[float]]:
    """Start a process that outlives its parent, and return its number."""
    return [[subprocess.Popen(["sleep", "600"]).pid] for _ in texts]  # noqa: S607


def raises(texts: list[str]) -> Any:
    """Raise an error for many texts, or for a text that contains a null character."""
    if len(texts) >= MANY or "\x00" in texts[0]:
        raise ValueError("too many\nor too odd")
    return hashed(texts)


def dies(texts: list[str]) -> Any:
    """End the process."""
    if len(texts) >= MANY:
        os._exit(3)
    return hashed(texts)


def crashes(texts: list[str]) -> Any:
    """End the process as a memory fault does."""
    if len(texts) >= MANY:
        os.write(2, b"a last word\n")
        os.abort()
    return hashed(texts)


def hangs(texts: list[str]) -> Any:
    """Never answer."""
    while len(texts) >= MANY:
        time.sleep(1)
    return hashed(texts)


def one_too_few(texts: list[str]) -> Any:
    """Leave out one vector."""
    return hashed(texts[1:] if len(texts) >= MANY else texts)


def ragged(texts: list[str]) -> Any:
    """Return vectors of unequal widths."""
    return [[1.0] * (number + 1) for number in range(len(texts))]


def words(texts: list[str]) -> Any:
    """Return words instead of numbers."""
    return [["a", "b"] for _ in texts]


def flat(texts: list[str]) -> Any:
    """Return a number for each text."""
    return [1.0 for _ in texts]


def nothing(texts: list[str]) -> Any:  # noqa: ARG001
    """Return no answer."""
    return None


def other_width(texts: list[str]) -> Any:
    """Return wider vectors for many texts."""
    return np.ones((len(texts), 9 if len(texts) >= MANY else 8))


no_embedder = 7


def rank_one_dies(texts: Sequence[Any]) -> Any:
    """Embed, but kill the process that asks if it is rank 1 of some ranks and has encoded two shards."""
    _calls.append(len(texts))
    if os.environ.get("MLX_RANK") == "1" and len(_calls) > 3:
        os.kill(os.getppid(), signal.SIGKILL)
    return hashed(texts)
