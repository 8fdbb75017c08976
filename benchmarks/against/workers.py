"""A tree's worker process as the measurements see it."""

import base64
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.against.trees import Tree
from benchmarks.workers import Worker
from embedding_gate.errors import GateError
from embeddings.tokens import TokenizedTexts

__all__ = ["Arm", "open_arms", "unpack"]


def unpack(answer: dict[str, Any]) -> NDArray[Any]:
    """Return the array of an answer.

    Raises:
        GateError: there are no floats in it.

    """
    if not answer["type"].startswith("float"):
        raise GateError("encode", f"gave {answer['type']} {answer['shape']}", hint="return floats")
    bits = base64.b64decode(answer["bits"])
    return np.frombuffer(bits, dtype=answer["type"]).reshape(answer["shape"])


class Arm:
    """One process of one tree. It is an encoder, as far as ``embed_part`` needs one."""

    def __init__(self, name: str, worker: Worker, errors: Any) -> None:
        self.name, self._worker, self._errors = name, worker, errors

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Ask for what a method of ``tree_worker.Answers`` returns.

        Raises:
            GateError: the process ended.

        """
        try:
            return self._worker.ask({"do": do, **request})
        except SystemExit as stopped:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").strip().splitlines() or ["it said nothing"]
            hint = "see whether that tree runs by itself, and whether this harness can still measure it"
            raise GateError(self.name, f"its process stopped: {said[-1]}", hint=hint) from stopped

    @cached_property
    def description(self) -> dict[str, Any]:
        """What the model says of itself."""
        return self.ask("describe")

    @property
    def dimension(self) -> int:
        """D."""
        return int(self.description["dimension"])

    @property
    def max_tokens(self) -> int:
        """The longest text in tokens."""
        return int(self.description["max_tokens"])

    @property
    def prompts(self) -> frozenset[str]:
        """Names of the prompts."""
        return frozenset(self.description["prompts"])

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:
        """Return the ids that the model sees of each text."""
        found = self.ask("tokenize", texts=list(texts), prompt_name=prompt_name)
        return TokenizedTexts([np.array(ids, np.int32) for ids in found["ids"]], np.array(found["dropped"]))

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:
        """Return vectors (N, D)."""
        return unpack(self.ask("encode", texts=list(texts), prompt_name=prompt_name))


@contextmanager
def open_arms(trees: Iterable[tuple[str, Tree]], arguments: Sequence[str]) -> Iterator[list[Arm]]:
    """Start a process for each tree, all of them at once; none outlives the with block.

    trees: the name of an arm, and its tree. arguments: the model and its options, for ``tree_worker``.

    Raises:
        GateError: a tree cannot be loaded.

    """
    with ExitStack() as stack:
        arms = []
        for name, tree in trees:
            errors = stack.enter_context(tempfile.TemporaryFile())
            module, given = "benchmarks.against.tree_worker", [str(tree.path), *arguments]
            worker = stack.enter_context(Worker(name, module, given, tree.python, errors=errors))
            arms.append(Arm(name, worker, errors))
        for arm in arms:
            arm.description  # noqa: B018  (waits until it is loaded)
        yield arms
