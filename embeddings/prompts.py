"""The prefix of each text: a prompt of the model, or a text from the caller."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from embeddings.errors import InputError
from embeddings.recipe import Recipe
from embeddings.tokens import checked_texts

__all__ = ["DOCUMENT_PROMPTS", "QUERY_PROMPTS", "prefix_of", "prefixed", "with_role"]

# Prompt names for queries and documents, as in sentence-transformers. The first that a model has is used.
QUERY_PROMPTS = ("query",)
DOCUMENT_PROMPTS = ("document", "passage", "corpus")


def prefix_of(
    recipe: Recipe, model: str, *, prompt_name: str | None, prompt: str | None, instruction: str | None
) -> str:
    """Return the prefix that is put before each text.

    model: the model's name, for error messages. The other options are those of ``Embedder.encode``.

    Raises:
        InputError: the model has no such prompt, or the options exclude each other.

    """
    if prompt is not None:
        return _literal(prompt, prompt_name, instruction)
    name = recipe.default_prompt if prompt_name is None else prompt_name
    if name is not None and name not in recipe.prompts:
        raise InputError(
            "prompt_name",
            f"{model} has no prompt {name!r}",
            hint=f"its prompts are {', '.join(sorted(recipe.prompts)) or 'none at all'}",
        )
    if instruction is None:
        return "" if name is None else recipe.prompts[name]
    if name != "query" or recipe.instruction_template is None:
        raise InputError(
            "instruction",
            f"{model} takes none" + (f" with prompt {name!r}" if recipe.instruction_template else ""),
            hint="leave it out, or use prompt_name='query' with a model whose queries carry an instruction",
        )
    return recipe.instruction_template.format(instruction=instruction)


def prefixed(prefix: str, texts: Sequence[str]) -> Sequence[str]:
    """Return the texts, each with the prefix before it.

    Raises:
        InputError: texts is not a sequence of strings, or a string is not valid Unicode.

    """
    return [prefix + text for text in checked_texts(texts)] if prefix else texts


def with_role(
    options: Mapping[str, Any], names: Sequence[str], prompts: Collection[str]
) -> Mapping[str, Any]:
    """Add a prompt name to options without a prompt: the first of ``names`` that the model has."""
    if options.get("prompt_name") is not None or options.get("prompt") is not None:
        return options
    return {**options, "prompt_name": next((name for name in names if name in prompts), None)}


def _literal(prompt: str, prompt_name: str | None, instruction: str | None) -> str:
    if not isinstance(prompt, str):
        raise InputError(
            "prompt",
            f"must be the text to set before each text, got {type(prompt).__name__}",
            hint="pass a string",
        )
    if prompt_name is not None or instruction is not None:
        other = "prompt_name" if prompt_name is not None else "instruction"
        raise InputError("prompt", f"{other} is given too, and only one can be used", hint="leave one out")
    return prompt
