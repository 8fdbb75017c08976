"""The declared recipe: what a model's folder says about how texts become vectors.

The files of a folder can contradict each other. So the order of precedence is stated once, here. It is the
order of sentence-transformers, because most of these folders were written for it:

- longest text: ``sentence_bert_config.json`` (max_seq_length), then ``tokenizer_config.json``
  (model_max_length), then ``config.json`` (max_position_embeddings). The limit is never above the last one.
  The truncation and padding settings in ``tokenizer.json`` are switched off.
- tokens: ``tokenizer.json``. A folder whose other files contradict it is refused (tokenizer_settings.py).
- pooling and the modules after it: ``modules.json`` and the folders that it names (modules.py). If that file
  is missing, the catalog's recipe for a model of that name. Pooling is never guessed.
- prompts: ``config_sentence_transformers.json``.
"""

import sys
from dataclasses import replace
from typing import Any

from embeddings.after_pooling import AfterPooling
from embeddings.catalog import CATALOG
from embeddings.errors import DamagedModel, InputError, UnsupportedModel
from embeddings.folder import ModelFolder, account
from embeddings.modules import read_modules
from embeddings.recipe import DECLARED, RECIPES, Recipe
from embeddings.tokenizer_settings import read_limit

__all__ = ["read_recipe"]

_SIMILARITIES = (None, "cosine", "dot", "euclidean", "manhattan")  # the names of sentence-transformers


def read_recipe(
    folder: ModelFolder,
    name: str = DECLARED,
    *,
    family: str,
    hidden_size: int,
    max_positions: int,
) -> Recipe:
    """Return the recipe of that name, or the recipe that the folder declares, for a model of these sizes.

    Raises:
        DamagedModel: a file is missing or malformed.
        UnsupportedModel: this library does not support a module, a pooling or a key.
        InputError: no recipe has that name.

    """
    if name not in (DECLARED, *RECIPES):
        raise InputError(
            f"recipe {name!r}",
            "no recipe has that name",
            hint=f"take {' or '.join((DECLARED, *RECIPES))}",
        )
    limit = read_limit(folder, max_positions)
    if name != DECLARED:
        recipe = RECIPES[name]
    elif (folder.path / "modules.json").exists():
        recipe = _declared(folder, family, hidden_size)
    elif (entry := CATALOG.get(folder.name)) and entry.recipe:
        recipe = RECIPES[entry.recipe]
    else:
        recipes = f", or name a recipe: {', '.join(RECIPES)}" if family != "encoder" else ""
        raise DamagedModel(
            folder.path / "modules.json",
            "no such file, so nothing says how to pool, and it is never guessed",
            hint=f"copy it and 1_Pooling from the model that this one was made from{recipes}",
        )
    if not recipe.causal and family == "encoder":
        raise UnsupportedModel(folder.path, f"recipe {name} is for decoders", hint="leave it out")
    return replace(recipe, max_tokens=min(limit, recipe.max_tokens))


def _declared(folder: ModelFolder, family: str, hidden_size: int) -> Recipe:
    pooling, modules = read_modules(folder, hidden_size)
    prompts, default = _prompts(folder)
    declared = Recipe(pooling, sys.maxsize, prompts, default, modules=modules)
    if (family, pooling) != ("qwen3", "last"):
        return declared
    # A Qwen3 that pools its last token is a Qwen3-Embedding or was tuned from one. So the values that no file
    # declares are those of Qwen3-Embedding. Some early conversions lack the end token in the template of
    # their tokenizer.
    official = RECIPES["qwen3-embedding"]
    return replace(
        declared,
        instruction_template=official.instruction_template,
        end_token=official.end_token,
        min_dimensions=min(official.min_dimensions, AfterPooling(modules).dimension(hidden_size)),
    )


def _prompts(folder: ModelFolder) -> tuple[dict[str, str], str | None]:
    name = "config_sentence_transformers.json"
    where, declared = folder.path / name, folder.mapping(name, optional=True)
    account(
        where,
        declared,
        handled=("prompts", "default_prompt_name", "similarity_fn_name"),
        harmless=("__version__", "requirements"),
        fixed={"model_type": "SentenceTransformer"},
    )
    if (similarity := declared.get("similarity_fn_name")) not in _SIMILARITIES:
        raise UnsupportedModel(
            where, f"similarity_fn_name {similarity!r} is not known", hint="correct the file"
        )
    prompts: Any = declared.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str | None) for text in prompts.values()):
        raise DamagedModel(where, "prompts must map names to texts", hint="correct the file")
    prompts = {name: text or "" for name, text in prompts.items()}
    default = declared.get("default_prompt_name")
    if default is not None and (not isinstance(default, str) or default not in prompts):
        raise DamagedModel(
            where, f"default_prompt_name {default!r} is not among the prompts", hint="correct the file"
        )
    return prompts, default
