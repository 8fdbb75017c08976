"""What stands before a text."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from embeddings import embedder, tokens
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    choose_prompt,
)

fault = faults_of("prompts")


@fault(
    "query prompt on documents",
    "tok",
    "documents carry the queries' instruction",
    kills=("prompts",),
    source="QwenLM/Qwen3-Embedding#95",
    model=TINY_DECODER,
)
def prompt_on_documents(patch: Patch) -> None:
    choose_prompt(patch, lambda _, prompt: "query" if prompt == "document" else prompt)


@fault(
    "prompt on neither",
    "tok",
    "queries go in bare",
    kills=("prompts",),
    source="embeddings-benchmark/mteb#2867",
    model=TINY_DECODER,
)
def prompt_on_neither(patch: Patch) -> None:
    choose_prompt(patch, lambda *_: None)


@fault(
    "prompt on every text",
    "tok",
    "a text without a role carries the queries' instruction",
    kills=("token ids", "parity"),
    model=TINY_DECODER,
)
def prompt_on_everything(patch: Patch) -> None:
    choose_prompt(patch, lambda self, prompt: prompt or ("query" if "query" in self.recipe.prompts else None))


def change_prompt(patch: Patch, change: Callable[[str], str]) -> None:
    """Change what is set before texts."""
    right = embedder.Embedder._before
    patch.setattr(embedder.Embedder, "_before", lambda *arguments: change(right(*arguments)))


@fault(
    "prompt twice",
    "tok",
    "the instruction is set before the query by two layers",
    kills=("prompts",),
    model=TINY_DECODER,
)
def prompt_twice(patch: Patch) -> None:
    change_prompt(patch, lambda before: before + before)


@fault(
    "space after the prompt",
    "tok",
    "the query stands one space behind its instruction",
    kills=("prompts",),
    model=TINY_DECODER,
)
def space_after_the_prompt(patch: Patch) -> None:
    change_prompt(patch, lambda before: before and f"{before} ")


@fault(
    "task ignored",
    "tok",
    "a query's own task is accepted, and the usual instruction is set before it",
    kills=("task",),
    model=TINY_DECODER,
)
def task_ignored(patch: Patch) -> None:
    right = embedder.Embedder._before

    def before(self: embedder.Embedder, prompt: str | None, task: str | None) -> str:
        return right(self, prompt, task and None)

    patch.setattr(embedder.Embedder, "_before", before)


@fault(
    "prompt on the first text alone",
    "tok",
    "the instruction is set before the first query of a call",
    kills=("prompts",),
    model=TINY_DECODER,
)
def prompt_on_the_first(patch: Patch) -> None:
    right = embedder.Embedder.tokenize

    def tokenize(self: Any, texts: Sequence[str], **options: Any) -> tokens.TokenizedTexts:
        if options.get("prompt") is None:
            return right(self, texts, **options)
        first, rest = right(self, texts[:1], **options), right(self, texts[1:])
        return tokens.TokenizedTexts(first.ids + rest.ids, np.concatenate([first.dropped, rest.dropped]))

    patch.setattr(embedder.Embedder, "tokenize", tokenize)
