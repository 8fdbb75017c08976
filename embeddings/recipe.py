"""Recipes: how texts become vectors. declared_recipe.py reads the recipe that a folder declares."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from embeddings.errors import InputError

__all__ = ["DECLARED", "RECIPES", "Dense", "Module", "Normalize", "Recipe"]

DECLARED = "declared"  # the name of the recipe that a folder's own files declare


@dataclass(frozen=True)
class Dense:
    """A module after pooling: an affine map of a vector and an activation, (B, I) -> (B, O).

    path: its folder in the model's folder. activation: a name in after_pooling.ACTIVATIONS.
    """

    path: str
    in_features: int
    out_features: int
    bias: bool
    activation: str


@dataclass(frozen=True)
class Normalize:
    """A module after pooling that scales each vector to length 1."""


Module = Dense | Normalize


@dataclass(frozen=True)
class Recipe:
    """How texts become vectors.

    pooling: "mean", "first" or "last" (token).
    max_tokens: longest text in tokens, with special tokens. The rest is cut off and counted.
    prompts: prompt name -> text that is put before each input.
    default_prompt: the prompt that is used if the caller names none. None: no prompt.
    instruction_template: the text before a query with its own instruction; it contains {instruction}. None:
        the model takes no instruction.
    end_token: the token that every text must end with. None: whatever the tokenizer adds.
    causal: if False, the tokens of a decoder also attend to the tokens after them.
    min_dimensions: the smallest number of dimensions that a vector may be cut to.
    modules: what comes after pooling, in order. A Normalize at the end is left out, because
        ``Embedder.encode`` has an option for it.
    """

    pooling: str
    max_tokens: int
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    instruction_template: str | None = None
    end_token: str | None = None
    causal: bool = True
    min_dimensions: int = 1
    modules: tuple[Module, ...] = ()

    def with_max_tokens(self, max_tokens: int) -> "Recipe":
        """Return the same recipe with a lower limit.

        Raises:
            InputError: the limit is less than 1 or above the recipe's own limit.

        """
        if not isinstance(max_tokens, int) or not 1 <= max_tokens <= self.max_tokens:
            raise InputError(
                "max_tokens",
                f"must be a whole number from 1 to {self.max_tokens}, got {max_tokens!r}",
                hint="leave it out for the model's own",
            )
        return replace(self, max_tokens=max_tokens)

    def width(self, dimension: int, truncate_dim: int | None) -> int:
        """Return the length of a vector: ``truncate_dim`` if it is given, else ``dimension``.

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

# Recipes that a caller can choose by name, whatever a folder declares.
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
        # The figures of fixtures/published.toml were made with this recipe. No model was trained for it.
        "reference-2025": Recipe(pooling="mean", max_tokens=32_768, causal=False),
    }
)
