"""A tree's worker process as the measurements see it."""

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
    """One process of one tree. It is an encoder, as far as ``embed_part`` needs one."""

    def __init__(self, name: str, worker: Worker) -> None:
        self.name, self._worker = name, worker

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Ask for what a method of ``tree_worker.Answers`` returns.

        Raises:
            WorkerError: the process ended or is silent.

        """
        answer: dict[str, Any] = self._worker.ask({"do": do, **request})
        return answer

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
            arm.description  # noqa: B018  (waits until it is loaded)
        yield arms
