"""The declared recipe: what a model's folder says about how texts become vectors.

The files of a folder can contradict each other. So the order of precedence is stated once, here. It is the
order of sentence-transformers, because most of these folders were written for it:

- longest text: ``sentence_bert_config.json`` (max_seq_length), then ``tokenizer_config.json``
  (model_max_length), then ``config.json`` (max_position_embeddings). The limit is never above the last one.
  The truncation and padding settings in ``tokenizer.json`` are switched off.
- upper and lower case, accents: the normalizer inside ``tokenizer.json``. The ``do_lower_case`` of
  ``tokenizer_config.json`` is ignored. It configures a slow tokenizer that is not used here.
- pooling: ``1_Pooling/config.json``, found through ``modules.json``. If that file is missing, the catalog's
  recipe for a model of that name. Pooling is never guessed.
- prompts: ``config_sentence_transformers.json``.
"""

import sys
from dataclasses import replace
from typing import Any

from embeddings.catalog import CATALOG
from embeddings.errors import DamagedModel, InputError, UnsupportedModel
from embeddings.folder import ModelFolder, account, typed
from embeddings.recipe import DECLARED, RECIPES, Recipe

__all__ = ["read_recipe"]

_POOLING_FLAGS = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
_NO_SUCH_POOLING = {  # each is supported only with this value
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
    "pooling_mode_weightedmean_tokens": False,
    "include_prompt": True,
}
_TOKENIZER_HARMLESS = frozenset(  # tokenizer.json already holds what these keys configured
    "add_bos_token add_eos_token add_prefix_space added_tokens_decoder additional_special_tokens backend "
    "bos_token chat_template clean_up_tokenization_spaces cls_token do_basic_tokenize do_lower_case "
    "eos_token errors extra_special_tokens is_local mask_token max_length name_or_path never_split "
    "pad_to_multiple_of pad_token pad_token_type_id padding_side sep_token special_tokens_map_file "
    "split_special_tokens stride strip_accents tokenize_chinese_chars tokenizer_class truncation_strategy "
    "unk_token".split()
)
_PROMPT_FILE_HARMLESS = frozenset({"__version__", "similarity_fn_name", "model_type"})


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
    limit = _max_tokens(folder, max_positions)
    if name != DECLARED:
        recipe = RECIPES[name]
    elif (folder.path / "modules.json").exists():
        recipe = _declared(folder, family, hidden_size)
    elif (entry := CATALOG.get(folder.name)) and entry.recipe:
        recipe = RECIPES[entry.recipe]
    else:
        raise DamagedModel(
            folder.path / "modules.json",
            "no such file, so nothing says how to pool, and it is never guessed",
            hint=f"copy the model's whole folder, or name a recipe: {', '.join(RECIPES)}",
        )
    if not recipe.causal and family == "encoder":
        raise UnsupportedModel(folder.path, f"recipe {name} is for decoders", hint="leave it out")
    return replace(recipe, max_tokens=min(limit, recipe.max_tokens))


def _declared(folder: ModelFolder, family: str, hidden_size: int) -> Recipe:
    pooling = _pooling(folder, hidden_size)
    prompts, default = _prompts(folder)
    declared = Recipe(pooling, sys.maxsize, prompts, default)
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
        min_dimensions=min(official.min_dimensions, hidden_size),
    )


def _pooling(folder: ModelFolder, hidden_size: int) -> str:
    where = folder.path / "modules.json"
    modules = folder.json("modules.json")
    try:
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    except (KeyError, TypeError) as error:
        raise DamagedModel(
            where, "must be a list of objects with a 'type'", hint="fetch the file again"
        ) from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise UnsupportedModel(
            where,
            f"modules must be Transformer, Pooling and at most Normalize, got {kinds}",
            hint="use a model without the others, or add support and a test",
        )
    name = f"{modules[1].get('path', '1_Pooling')}/config.json"
    where, declared = folder.path / name, folder.mapping(name)
    account(
        where,
        declared,
        handled={*_POOLING_FLAGS, "word_embedding_dimension"},
        harmless=(),
        fixed=_NO_SUCH_POOLING,
    )
    if (width := typed(where, declared, "word_embedding_dimension", int)) != hidden_size:
        raise UnsupportedModel(
            where,
            f"word_embedding_dimension {width} is not config.json's hidden_size {hidden_size}",
            hint="correct the one that is wrong",
        )
    chosen = [pooling for flag, pooling in _POOLING_FLAGS.items() if declared.get(flag)]
    if len(chosen) != 1:
        raise UnsupportedModel(
            where, f"exactly one pooling must be on, got {chosen or 'none'}", hint="correct the file"
        )
    return chosen[0]


def _max_tokens(folder: ModelFolder, max_positions: int) -> int:
    name = "sentence_bert_config.json"
    where, declared = folder.path / name, folder.mapping(name, optional=True)
    account(where, declared, handled={"max_seq_length"}, harmless=(), fixed={"do_lower_case": False})
    name = "tokenizer_config.json"
    tokenizer = folder.mapping(name, optional=True)
    account(
        folder.path / name,
        tokenizer,
        handled={"model_max_length"},
        harmless=_TOKENIZER_HARMLESS,
        fixed={"truncation_side": "right"},
    )
    if declared.get("max_seq_length") is not None:
        limit = typed(where, declared, "max_seq_length", int)
    elif tokenizer.get("model_max_length") is not None:
        # Some folders write 10**30 for "no limit", sometimes as a float. Then max_positions is the limit.
        limit = int(min(typed(folder.path / name, tokenizer, "model_max_length", float), max_positions))
    else:
        limit = max_positions
    if limit < 1:
        raise DamagedModel(
            where, f"longest text must be at least 1 token, got {limit}", hint="correct the file"
        )
    return min(limit, max_positions)


def _prompts(folder: ModelFolder) -> tuple[dict[str, str], str | None]:
    name = "config_sentence_transformers.json"
    where, declared = folder.path / name, folder.mapping(name, optional=True)
    account(
        where, declared, handled={"prompts", "default_prompt_name"}, harmless=_PROMPT_FILE_HARMLESS, fixed={}
    )
    prompts: Any = declared.get("prompts") or {}
    if not isinstance(prompts, dict) or not all(isinstance(text, str) for text in prompts.values()):
        raise DamagedModel(where, "prompts must map names to texts", hint="correct the file")
    default = declared.get("default_prompt_name")
    if default is not None and (not isinstance(default, str) or default not in prompts):
        raise DamagedModel(
            where, f"default_prompt_name {default!r} is not among the prompts", hint="correct the file"
        )
    return prompts, default
