"""What a folder declares of its tokenizer beside tokenizer.json: how long a text may be, and how it is read.

tokenizer.json is used as it is. Other files repeat a part of it, and some programs follow those files. So
what they say must agree with tokenizer.json.
"""

from typing import Any

from embeddings.errors import DamagedModel, UnsupportedModel
from embeddings.folder import ModelFolder, account, typed
from embeddings.tokens import TextTokenizer

__all__ = ["check_tokenizer", "read_limit"]

# sentence-transformers reads the first of these that exists. Old versions named the file after the model.
_SENTENCE_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
_TOKENIZER_CONFIG = "tokenizer_config.json"
_FORWARD = {"method": "forward", "method_output_name": "last_hidden_state"}
_FIXED: dict[
    str, Any
] = {  # since version 5.4 of sentence-transformers; each is supported only with this value
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "processing_kwargs": {},
    "query_length": None,
    "document_length": None,
    "query_expansion": None,
}
_TOKENIZER_HARMLESS = frozenset(  # tokenizer.json already holds what these keys configured
    "add_prefix_space added_tokens_decoder additional_special_tokens auto_map backend chat_template "
    "clean_up_tokenization_spaces do_basic_tokenize errors extra_ids extra_special_tokens "
    "fix_mistral_regex full_tokenizer_file is_local legacy local_files_only max_length "
    "model_input_names model_specific_special_tokens name_or_path never_split pad_to_multiple_of "
    "pad_token_type_id padding_side processor_class sp_model_kwargs spaces_between_special_tokens "
    "special_tokens special_tokens_map_file split_special_tokens stride tokenizer_class tokenizer_file "
    "trim_offsets truncation_strategy use_default_system_prompt use_fast vocab_file".split()
)
_CHECKED = ("add_bos_token", "add_eos_token", "bos_token", "eos_token")
_LIMITS = ("model_max_length", "max_len")  # the second until transformers 3
# tokenizer_config.json -> the key of the normalizer that BERT's tokenizers set from it.
_NORMALIZER = {
    "do_lower_case": "lowercase",
    "tokenize_chinese_chars": "handle_chinese_chars",
    "strip_accents": "strip_accents",
}


def read_limit(folder: ModelFolder, max_positions: int) -> int:
    """Return the longest text in tokens, special tokens included. It is never above ``max_positions``.

    Raises:
        DamagedModel: a file is malformed, or the limit is less than one token.
        UnsupportedModel: a key is unknown, or has a value that this library does not support.

    """
    where, declared = _sentence_config(folder)
    tokenizer = _tokenizer_config(folder)
    if declared.get("max_seq_length") is not None:
        limit = typed(where, declared, "max_seq_length", int)
    elif key := next((key for key in _LIMITS if tokenizer.get(key) is not None), None):
        # Some folders write 10**30 for "no limit", sometimes as a float. Then max_positions is the limit.
        where = folder.path / _TOKENIZER_CONFIG
        limit = int(min(typed(where, tokenizer, key, float), max_positions))
    else:
        limit = max_positions
    if limit < 1:
        raise DamagedModel(
            where, f"longest text must be at least 1 token, got {limit}", hint="correct the file"
        )
    return min(limit, max_positions)


def check_tokenizer(folder: ModelFolder, tokenizer: TextTokenizer) -> None:
    """Refuse a folder whose other files say something else of the tokenizer than tokenizer.json.

    Raises:
        DamagedModel: they contradict it.
        UnsupportedModel: texts are to be lower-cased, and tokenizer.json does not lower-case them.

    """
    where, sentence = _sentence_config(folder)
    if sentence.get("do_lower_case") and tokenizer.normalize("Aé") != tokenizer.normalize("aé"):
        raise UnsupportedModel(
            where,
            "do_lower_case is true, and the normalizer of tokenizer.json does not lower-case",
            hint="put a Lowercase normalizer into tokenizer.json",
        )
    where, declared = folder.path / _TOKENIZER_CONFIG, _tokenizer_config(folder)
    for key, said, found in (*_normalizing(tokenizer, declared), *_framing(tokenizer, declared)):
        if said != found:
            raise DamagedModel(
                where,
                f"{key} is {said}, but tokenizer.json does {found}",
                hint="correct the one that is wrong",
            )


def _normalizing(tokenizer: TextTokenizer, declared: dict[str, Any]) -> list[tuple[str, bool, bool]]:
    """Return key, what is declared, what the normalizer does, for what BERT's tokenizers declare.

    None stands for: as letters are lower-cased, so accents are stripped.
    """
    does = tokenizer.normalizer
    if does.get("type") != "BertNormalizer":
        return []
    said = {own: declared[key] for key, own in _NORMALIZER.items() if key in declared}
    lower_case = said.get("lowercase", does["lowercase"])
    return [
        (
            key,
            bool(lower_case if said[own] is None else said[own]),
            bool(does["lowercase"] if does[own] is None else does[own]),
        )
        for key, own in _NORMALIZER.items()
        if own in said
    ]


def _framing(tokenizer: TextTokenizer, declared: dict[str, Any]) -> list[tuple[str, bool, bool]]:
    """Return key, True, and what tokenizer.json does, for the tokens that are said to stand at each text."""
    found, ids = [], tokenizer.special_ids
    for key, token, place in (
        ("add_bos_token", "bos_token", slice(1)),
        ("add_eos_token", "eos_token", slice(-1, None)),
    ):
        content = declared.get(token)
        name = content.get("content") if isinstance(content, dict) else content
        if declared.get(key) and isinstance(name, str):
            found.append((key, True, ids[place] == [tokenizer.id_of(name)]))
    return found


def _sentence_config(folder: ModelFolder) -> tuple[Any, dict[str, Any]]:
    """Return the place and the content of the file that sentence-transformers reads for its Transformer."""
    there = [name for name in _SENTENCE_CONFIGS if (folder.path / name).exists()]
    contents = [folder.mapping(name) for name in there]
    if any(content != contents[0] for content in contents):
        raise DamagedModel(folder.path, f"{' and '.join(there)} differ", hint="keep the right one")
    where = folder.path / (there or _SENTENCE_CONFIGS)[0]
    declared = contents[0] if contents else {}
    account(
        where,
        declared,
        handled=("max_seq_length", "do_lower_case", "modality_config"),
        harmless=("unpad_inputs",),
        fixed=_FIXED,
    )
    modalities = declared.get("modality_config", {"text": _FORWARD})
    if not isinstance(modalities, dict) or modalities.get("text") != _FORWARD:
        raise UnsupportedModel(
            where,
            f"modality_config must read text by {_FORWARD}, got {modalities}",
            hint="use a model of texts",
        )
    return where, declared


def _tokenizer_config(folder: ModelFolder) -> dict[str, Any]:
    declared = folder.mapping(_TOKENIZER_CONFIG, optional=True)
    named = {key for key in declared if key.endswith("_token")}  # a special token, such as mask_token
    account(
        folder.path / _TOKENIZER_CONFIG,
        declared,
        handled=(*_LIMITS, *_CHECKED, *_NORMALIZER),
        harmless=_TOKENIZER_HARMLESS | named,
        fixed={"truncation_side": "right", "add_special_tokens": True},
    )
    return declared
