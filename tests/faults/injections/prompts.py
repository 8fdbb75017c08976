"""Faults in the prompt before a text."""

from collections.abc import Callable, Sequence
from typing import Any

from embeddings import embedder, prompts
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    choose_prompt,
)

fault = faults_of("prompts")


@fault(
    "query prompt on documents",
    "tok",
    "documents carry the queries' instruction",
    kills=("prompts", "declared prompts"),
    source="QwenLM/Qwen3-Embedding#95",
    model=TINY_DECODER,
)
def prompt_on_documents(patch: Patch) -> None:
    choose_prompt(patch, lambda _, prompt: "query" if prompt == "document" else prompt)


@fault(
    "prompt on neither",
    "tok",
    "queries go in bare",
    kills=("prompts", "declared prompts"),
    source="embeddings-benchmark/mteb#2867",
    model=TINY_DECODER,
)
def prompt_on_neither(patch: Patch) -> None:
    choose_prompt(patch, lambda *_: None)


@fault(
    "prompt on every text",
    "tok",
    "a text without a role carries the queries' instruction",
    kills=("token ids", "parity", "declared prompts"),
    model=TINY_DECODER,
)
def prompt_on_everything(patch: Patch) -> None:
    choose_prompt(patch, lambda recipe, prompt: prompt or ("query" if "query" in recipe.prompts else None))


def change_prompt(patch: Patch, change: Callable[[str], str]) -> None:
    """Change the prompt that is put before texts."""
    right = prompts.prefix_of
    patch.setattr(embedder, "prefix_of", lambda *arguments, **options: change(right(*arguments, **options)))


@fault(
    "prompt twice",
    "tok",
    "the instruction is set before the query by two layers",
    kills=("prompts", "declared prompts"),
    model=TINY_DECODER,
)
def prompt_twice(patch: Patch) -> None:
    change_prompt(patch, lambda before: before + before)


@fault(
    "space after the prompt",
    "tok",
    "the query stands one space behind its instruction",
    kills=("prompts", "declared prompts"),
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
    right = prompts.prefix_of

    def prefix_of(*arguments: Any, instruction: str | None, **options: Any) -> str:
        return right(*arguments, instruction=instruction and None, **options)

    patch.setattr(embedder, "prefix_of", prefix_of)


@fault(
    "prompt on the first text alone",
    "tok",
    "the instruction is set before the first query of a call",
    kills=("prompts", "declared prompts"),
    model=TINY_DECODER,
)
def prompt_on_the_first(patch: Patch) -> None:
    right = prompts.prefixed

    def prefixed(prefix: str, texts: Sequence[str]) -> Sequence[str]:
        return [*right(prefix, texts[:1]), *texts[1:]]

    patch.setattr(embedder, "prefixed", prefixed)
