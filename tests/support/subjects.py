"""Subjects of the tests, as a user writes them: ``--subject=python:tests.support.subjects:NAME``.

They need NumPy alone.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

MANY = 5  # texts: from there on some of these fail
_both = threading.Barrier(2)


def hashed(texts: Sequence[Any]) -> Any:
    """Give each text a vector of its own, of length 1."""
    rows = [np.random.default_rng(list(repr(text).encode())).normal(size=8) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows]).reshape(-1, 8)


class Chain:
    """An object as of LangChain."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """(N, 8)."""
        return hashed(texts).tolist()  # type: ignore[no-any-return]

    def embed_query(self, text: str) -> list[float]:
        """(8,), of the text after a prompt."""
        return hashed([f"query: {text}"])[0].tolist()  # type: ignore[no-any-return]


class Fast:
    """An object as of fastembed: what it returns is a generator."""

    def embed(self, texts: list[str]) -> Iterator[Any]:
        """(8,) for each text."""
        yield from hashed(texts)

    def passage_embed(self, texts: list[str]) -> Iterator[Any]:
        """(8,) for each text, after a prompt."""
        yield from hashed([f"passage: {text}" for text in texts])


class Sentences:
    """An object as of sentence-transformers."""

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
        """(N, 8) or (N, truncate_dim)."""
        prefix = self.prompts[prompt_name] if prompt_name else ""
        found = hashed([prefix + text for text in texts])[:, :truncate_dim] * len(self.folder)
        return found / np.linalg.norm(found, axis=1, keepdims=True) if normalize_embeddings else found


def made() -> Chain:
    """Make an object."""
    return Chain()


class Tensor:
    """As of torch, as far as it is asked."""

    def __init__(self, values: Any) -> None:
        self._values = values

    def detach(self) -> "Tensor":
        """Itself."""
        return self

    cpu = float = detach

    def numpy(self) -> Any:
        """Its values."""
        return self._values


def tensors(texts: list[str]) -> Tensor:
    """Return a tensor."""
    return Tensor(hashed(texts))


def list_of_tensors(texts: list[str]) -> list[Tensor]:
    """Return a tensor for each text."""
    return [Tensor(row) for row in hashed(texts)]


def talks(texts: list[str]) -> Any:
    """Print, and read what nobody writes."""
    print("words on stdout")
    os.write(1, b"and words below Python\n")
    assert not sys.stdin.read()
    return hashed(texts)


def place(texts: list[str]) -> list[list[float]]:
    """Tell process and thread."""
    main = threading.current_thread() is threading.main_thread()
    return [[os.getpid(), main] for _ in texts]


def meets(texts: list[str]) -> Any:
    """Wait until another call is here too."""
    if texts != ["a text"]:
        _both.wait(timeout=60)
    return hashed(texts)


def starts_another(texts: list[str]) -> list[list[float]]:
    """Start a process that outlives its parent, and tell its number."""
    return [[subprocess.Popen(["sleep", "600"]).pid] for _ in texts]  # noqa: S607


def raises(texts: list[str]) -> Any:
    """Refuse many texts, and the odd one."""
    if len(texts) >= MANY or "\x00" in texts[0]:
        raise ValueError("too many\nor too odd")
    return hashed(texts)


def dies(texts: list[str]) -> Any:
    """End the process."""
    if len(texts) >= MANY:
        os._exit(3)
    return hashed(texts)


def crashes(texts: list[str]) -> Any:
    """End the process as a fault of memory does."""
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
    """Leave out a vector."""
    return hashed(texts[1:] if len(texts) >= MANY else texts)


def ragged(texts: list[str]) -> Any:
    """Give vectors of unequal widths."""
    return [[1.0] * (number + 1) for number in range(len(texts))]


def words(texts: list[str]) -> Any:
    """Give words in place of numbers."""
    return [["a", "b"] for _ in texts]


def flat(texts: list[str]) -> Any:
    """Give a number for each text."""
    return [1.0 for _ in texts]


def nothing(texts: list[str]) -> Any:  # noqa: ARG001
    """Give no answer."""
    return None


def other_width(texts: list[str]) -> Any:
    """Give wider vectors to many texts."""
    return np.ones((len(texts), 9 if len(texts) >= MANY else 8))


no_embedder = 7
