"""What stands before a text."""

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
