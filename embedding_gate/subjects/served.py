"""The process of a subject: ``INTERPRETER served.py MODULE:NAME FOLDER``, in an environment of its own.

This file needs the standard library and NumPy, nothing else, and Python 3.9 or later. Requests come as lines
of JSON on stdin. Each answer is a line of JSON on stdout, followed by the raw float32 of the vectors. What
the subject prints goes to stderr.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from queue import Queue
from typing import Any, BinaryIO

import numpy as np

# The methods that turn texts into vectors, in the order in which they are looked for: the method of
# sentence-transformers and model2vec, that of LangChain, that of fastembed. Beside each stand the methods for
# one prompt alone, and whether these take a single text.
METHODS: tuple[tuple[str, Mapping[str, str], bool], ...] = (
    ("encode", {}, False),
    ("embed_documents", {"query": "embed_query"}, True),
    ("embed", {"query": "query_embed", "document": "passage_embed"}, False),
)
Embed = Callable[..., Any]


class Malformed(Exception):
    """What came back is not one vector for each text."""


class Embedder:
    """An object or a function that embeds, asked in one way.

    folder: of the model that it claims to be; a class may take it.
    offers: names of what it can be asked. prompts: names of the prompts that it takes.
    """

    def __init__(self, found: Any, folder: str = "") -> None:
        found = _made(found, folder)
        self._call, self._prompted = _calls_of(found)
        names, prompts = _parameters(self._call), getattr(found, "prompts", None)
        named = prompts if "prompt_name" in names and isinstance(prompts, dict) else {}
        self.prompts = sorted({*self._prompted, *(name for name, text in named.items() if text)})
        # sentence-transformers scales vectors only if a folder has the module Normalize, or if it is told to.
        self._always = {"normalize_embeddings": True} if "normalize_embeddings" in names else {}
        self.offers = ["encode", "threads"]
        self.offers += ["truncate_dim"] if "truncate_dim" in names else []
        self.offers += ["prompts"] if self.prompts else []

    def encode(self, texts: Sequence[Any], prompt_name: str | None = None, **options: Any) -> Any:
        """Return vectors (N, D) float32 of N texts.

        Raises:
            Malformed: the answer is none.

        """
        call = self._prompted.get(prompt_name or "", self._call)
        if prompt_name is not None and prompt_name not in self._prompted:
            options["prompt_name"] = prompt_name
        return as_rows(call(texts, **self._always, **options), len(texts))


def as_rows(answer: Any, count: int) -> Any:
    """Return an answer as an array (count, D) of float32, itself if it is one; of no texts (0, 0).

    Raises:
        Malformed: it is none.

    """
    answer = _on_host(answer)
    if isinstance(answer, (str, bytes, dict)) or not isinstance(answer, Iterable):
        raise Malformed(f"{type(answer).__name__}, and no vectors")
    vectors = [_on_host(row) for row in answer]
    if len(vectors) != count:
        raise Malformed(f"{len(vectors)} vectors")
    if not count:
        return np.zeros((0, 0), dtype=np.float32)
    if len({np.shape(row) for row in vectors}) > 1:
        raise Malformed("vectors of unequal widths")
    rows = answer if isinstance(answer, np.ndarray) else np.asarray(vectors)
    if rows.dtype.kind not in "fiu":
        raise Malformed("what is no numbers")
    if rows.ndim != 2 or not rows.shape[1]:
        raise Malformed(f"an array of shape {rows.shape}")
    with np.errstate(over="ignore"):  # what float32 cannot hold is infinite
        return np.ascontiguousarray(rows, dtype=np.float32)


def _on_host(value: Any) -> Any:
    """Return a tensor of torch as an array; anything else as it is."""
    return value.detach().cpu().float().numpy() if hasattr(value, "detach") else value


def _made(found: Any, folder: str) -> Any:
    """Return the object that embeds: what was named, or what it makes."""
    if isinstance(found, type):
        make: Embed = found
        return make(folder) if folder and _positional(make) else make()
    makes = callable(found) and not _positional(found)
    return found() if makes and not any(hasattr(found, name) for name, _, _ in METHODS) else found


def _calls_of(found: Any) -> tuple[Embed, dict[str, Embed]]:
    """Return the function that embeds, and those for the texts of one prompt alone, by its name."""
    for name, prompted, single in METHODS:
        if callable(getattr(found, name, None)):
            ways = {role: getattr(found, other, None) for role, other in prompted.items()}
            calls = {role: _each(way) if single else way for role, way in ways.items() if callable(way)}
            return getattr(found, name), calls
    if callable(found):
        return found, {}
    names = ", ".join(name for name, _, _ in METHODS)
    raise TypeError(f"a {type(found).__name__} is no function of a list of texts, and has none of {names}")


def _each(call: Embed) -> Embed:
    return lambda texts: [call(text) for text in texts]


def _parameters(call: Embed) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(call).parameters
    except (TypeError, ValueError):  # a function of C that does not tell
        return {"texts": inspect.Parameter("texts", inspect.Parameter.POSITIONAL_ONLY)}


def _positional(call: Embed) -> bool:
    """Tell whether a function takes a positional argument."""
    kinds = (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
        inspect.Parameter.VAR_POSITIONAL,
    )
    return any(one.kind in kinds for one in _parameters(call).values())


def load(target: str, folder: str) -> Embedder:
    """Import MODULE:NAME."""
    module, _, path = target.partition(":")
    found = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return Embedder(found, folder)


def told(error: BaseException) -> str:
    """Return an error as one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())


class Answers:
    """Answers requests. Each answer is written whole, whichever thread has it."""

    embedder: Embedder  # before the first request

    def __init__(self, to: BinaryIO) -> None:
        self._to, self._lock = to, threading.Lock()

    def put(self, rows: Any = None, **answer: Any) -> None:
        """Write one answer. rows: an array of float32 that follows it."""
        if rows is not None:
            answer["shape"] = rows.shape
        with self._lock:
            self._to.write(json.dumps(answer).encode() + b"\n" + (b"" if rows is None else rows.tobytes()))
            self._to.flush()

    def encode(self, request: Mapping[str, Any]) -> None:
        """Answer one request."""
        number = request["id"]
        try:
            rows = self.embedder.encode(request["texts"], **request["options"])
        except Malformed as error:
            self.put(id=number, malformed=str(error))
        except Exception as error:  # noqa: BLE001  (whatever the subject raises is its answer)
            self.put(id=number, refused=told(error))
        else:
            self.put(rows, id=number)


def read(lines: Iterable[str], requests: Queue[Mapping[str, Any]], answers: Answers) -> None:
    """Hand on each request. One that comes while others are answered gets a thread of its own.

    End this process, whatever it is at, when nobody is left to ask.
    """
    for line in lines:
        request = json.loads(line)
        if request["apart"]:
            threading.Thread(target=answers.encode, args=(request,), daemon=True).start()
        else:
            requests.put(request)
    os._exit(0)


def main() -> None:
    """Load the subject, and answer requests, in the main thread."""
    target, folder = sys.argv[1:]
    requests: Queue[Mapping[str, Any]] = Queue()
    lines, answers = os.fdopen(os.dup(0), encoding="utf-8"), Answers(os.fdopen(os.dup(1), "wb"))
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)  # what the subject prints is no answer
    sys.path[0] = str(Path.cwd())  # in place of the folder of this file
    sys.argv = [target]
    threading.Thread(target=read, args=(lines, requests, answers), daemon=True).start()
    try:
        answers.embedder = load(target, folder)
    except BaseException as error:
        answers.put(failed=told(error))
        raise
    answers.put(offers=answers.embedder.offers, prompts=answers.embedder.prompts)
    while True:
        answers.encode(requests.get())


if __name__ == "__main__":
    main()
