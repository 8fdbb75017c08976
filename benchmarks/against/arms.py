"""The worker process of a tree, as the measurements use it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.against.trees import Tree
from embedding_gate.serving import unpack
from embedding_gate.workers import Worker
from embeddings.tokens import TokenizedTexts

__all__ = ["Arm", "open_arms"]


class Arm:
    """One worker process of one tree. It has the methods of an encoder that ``embed_part`` needs."""

    def __init__(self, name: str, worker: Worker) -> None:
        self.name, self._worker = name, worker

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Call a method of ``tree_worker.Answers`` in the worker process and return its result.

        Raises:
            WorkerError: the process ended, or it does not answer.

        """
        answer: dict[str, Any] = self._worker.ask({"do": do, **request})
        return answer

    @cached_property
    def description(self) -> dict[str, Any]:
        """The description that the model gives of itself."""
        return self.ask("describe")

    @property
    def dimension(self) -> int:
        """The number of dimensions of a vector, D."""
        return int(self.description["dimension"])

    @property
    def max_tokens(self) -> int:
        """The largest number of tokens of a text."""
        return int(self.description["max_tokens"])

    @property
    def prompts(self) -> frozenset[str]:
        """The names of the prompts."""
        return frozenset(self.description["prompts"])

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:
        """Return the token ids of each text that the model gets."""
        found = self.ask("tokenize", texts=list(texts), prompt_name=prompt_name)
        return TokenizedTexts([np.array(ids, np.int32) for ids in found["ids"]], np.array(found["dropped"]))

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[Any]:
        """Return vectors (N, D)."""
        return unpack(self.ask("encode", texts=list(texts), prompt_name=prompt_name))


@contextmanager
def open_arms(trees: Iterable[tuple[str, Tree]], arguments: Sequence[str]) -> Iterator[list[Arm]]:
    """Start a worker process for each tree, all at once. All have ended when the with block ends.

    trees: the name of each arm with its tree. arguments: the model and its options, for ``tree_worker``.

    Raises:
        WorkerError: a tree cannot be loaded.

    """
    hint = "see whether that tree runs by itself, and whether this harness can still measure it"
    with ExitStack() as stack:
        arms = []
        for name, tree in trees:
            given = [str(tree.path), *arguments]
            worker = Worker(name, "benchmarks.against.tree_worker", given, tree.python, hint=hint)
            arms.append(Arm(name, stack.enter_context(worker)))
        for arm in arms:
            arm.description  # noqa: B018  (waits until the model is loaded)
        yield arms
