"""Recipes: how texts become vectors. declared_recipe.py reads the one that a folder declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from embeddings.errors import InputError

__all__ = ["DECLARED", "RECIPES", "Recipe"]

DECLARED = "declared"  # the name of whatever recipe a folder's own files declare


@dataclass(frozen=True)
class Recipe:
    """How texts become vectors.

    pooling: "mean", "first" or "last" (token).
    max_tokens: longest text in tokens, special tokens included; the rest is cut off and counted.
    prompts: prompt name -> text set before each input.
    default_prompt: the name of the prompt for a caller who names none, or None for no prompt.
    instruction_template: what is set before a query that has an instruction of its own, with {instruction} in
        it; None where the model takes no instruction.
    end_token: what every text must end in, or None for whatever the tokenizer adds.
    causal: False lets the tokens of a decoder see what follows them.
    min_dimensions: to how few dimensions a vector may be cut.
    """

    pooling: str
    max_tokens: int
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    instruction_template: str | None = None
    end_token: str | None = None
    causal: bool = True
    min_dimensions: int = 1

    def with_max_tokens(self, max_tokens: int) -> "Recipe":
        """Return the same recipe with a lower limit.

        Raises:
            InputError: the limit is not a lower one.

        """
        if not isinstance(max_tokens, int) or not 1 <= max_tokens <= self.max_tokens:
            raise InputError(
                "max_tokens",
                f"must be a whole number from 1 to {self.max_tokens}, got {max_tokens!r}",
                hint="leave it out for the model's own",
            )
        return replace(self, max_tokens=max_tokens)

    def width(self, dimension: int, truncate_dim: int | None) -> int:
        """Return how long vectors of ``dimension`` components are, cut to ``truncate_dim`` if that is given.

        Raises:
            InputError: a vector may not be cut to that length.

        """
        if truncate_dim is None:
            return dimension
        if not isinstance(truncate_dim, int) or not self.min_dimensions <= truncate_dim <= dimension:
            raise InputError(
                "truncate_dim",
                f"must be a whole number from {self.min_dimensions} to {dimension}, got {truncate_dim!r}",
                hint="leave it out for all of them",
            )
        return truncate_dim


_TEMPLATE = "Instruct: {instruction}\nQuery:"
_INSTRUCTION = "Given a web search query, retrieve relevant passages that answer the query"

# Recipes that can be asked for by name, whatever a folder declares.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # https://huggingface.co/Qwen/Qwen3-Embedding-0.6B: an instruction before queries, 32 to D numbers.
        "qwen3-embedding": Recipe(
            pooling="last",
            max_tokens=32_768,
            prompts=MappingProxyType({"query": _TEMPLATE.format(instruction=_INSTRUCTION), "document": ""}),
            instruction_template=_TEMPLATE,
            end_token="<|endoftext|>",  # noqa: S106  (no password)
            min_dimensions=32,
        ),
        # How the figures of fixtures/published.toml were made; nobody trained a model for it.
        "reference-2025": Recipe(pooling="mean", max_tokens=32_768, causal=False),
    }
)
