"""The recipe: what a model's folder declares about the way from texts to vectors.

Folders contradict themselves, so the precedence is stated once, here. It is that of
sentence-transformers, which most of these folders were written for:

- longest text: ``sentence_bert_config.json`` (max_seq_length), then ``tokenizer_config.json``
  (model_max_length), then ``config.json`` (max_position_embeddings), and never above the last. What
  ``tokenizer.json`` says of truncation and padding is switched off.
- upper and lower case, accents: the normalizer inside ``tokenizer.json``. The ``do_lower_case`` of
  ``tokenizer_config.json`` configures a slow tokenizer that nobody runs, and is ignored.
- pooling: ``1_Pooling/config.json``, found through ``modules.json``. It is never guessed.
- prompts: ``config_sentence_transformers.json``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import ModelFolder, account, typed

__all__ = ["Recipe", "read_recipe"]

_POOLING_FLAGS = {
    "pooling_mode_cls_token": "first",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "last",
}
_NO_SUCH_POOLING = {  # supported only when off
    "pooling_mode_max_tokens": False,
    "pooling_mode_mean_sqrt_len_tokens": False,
    "pooling_mode_weightedmean_tokens": False,
    "include_prompt": True,
}
_TOKENIZER_HARMLESS = frozenset(  # tokenizer.json holds what these once configured
    "add_bos_token add_eos_token add_prefix_space added_tokens_decoder additional_special_tokens backend "
    "bos_token chat_template clean_up_tokenization_spaces cls_token do_basic_tokenize do_lower_case "
    "eos_token errors extra_special_tokens is_local mask_token max_length name_or_path never_split "
    "pad_to_multiple_of pad_token pad_token_type_id padding_side sep_token special_tokens_map_file "
    "split_special_tokens stride strip_accents tokenize_chinese_chars tokenizer_class truncation_strategy "
    "unk_token".split()
)
_PROMPT_FILE_HARMLESS = frozenset({"__version__", "similarity_fn_name", "model_type"})


@dataclass(frozen=True)
class Recipe:
    """How texts become vectors.

    pooling: "mean", "first" or "last" (token).
    max_tokens: longest text in tokens, special tokens included; the rest is cut off and counted.
    prompts: prompt name -> text set before each input.
    default_prompt: the name of the prompt for a caller who names none, or None for no prompt.
    """

    pooling: str
    max_tokens: int
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None


def read_recipe(folder: ModelFolder, *, hidden_size: int, max_positions: int) -> Recipe:
    """Read the recipe that a folder declares, for a model of that width and number of positions.

    Raises:
        DamagedModel: a file is missing or malformed.
        UnsupportedModel: a module, a pooling or a key that this library does not do.

    """
    prompts, default = _prompts(folder)
    return Recipe(
        pooling=_pooling(folder, hidden_size),
        max_tokens=_max_tokens(folder, max_positions),
        prompts=prompts,
        default_prompt=default,
    )


def _pooling(folder: ModelFolder, hidden_size: int) -> str:
    where = folder.path / "modules.json"
    modules = folder.json("modules.json")
    try:
        kinds = [str(module["type"]).rpartition(".")[2] for module in modules]
    except (KeyError, TypeError) as error:
        raise DamagedModel(
            where, "must be a list of objects with a 'type'", mend="fetch the file again"
        ) from error
    if kinds not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        raise UnsupportedModel(
            where,
            f"modules must be Transformer, Pooling and at most Normalize, got {kinds}",
            mend="use a model without the others, or add support and a test",
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
            mend="correct the one that is wrong",
        )
    chosen = [pooling for flag, pooling in _POOLING_FLAGS.items() if declared.get(flag)]
    if len(chosen) != 1:
        raise UnsupportedModel(
            where, f"exactly one pooling must be on, got {chosen or 'none'}", mend="correct the file"
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
        # Some write 10**30 for "no limit", as a float at times; the positions are the limit then.
        limit = int(min(typed(folder.path / name, tokenizer, "model_max_length", float), max_positions))
    else:
        limit = max_positions
    if limit < 1:
        raise DamagedModel(
            where, f"longest text must be at least 1 token, got {limit}", mend="correct the file"
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
        raise DamagedModel(where, "prompts must map names to texts", mend="correct the file")
    default = declared.get("default_prompt_name")
    if default is not None and (not isinstance(default, str) or default not in prompts):
        raise DamagedModel(
            where, f"default_prompt_name {default!r} is not among the prompts", mend="correct the file"
        )
    return prompts, default
