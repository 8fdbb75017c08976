"""What a model's folder declares of its texts, read by the judge itself.

It is for a subject that claims to be that model. The order of the files is that of sentence-transformers. No
weights are needed, and no architecture is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from embedding_gate.errors import FixtureError

__all__ = ["Declared", "listed_modules", "pooling_words", "read_declared", "read_json", "similarity_note"]

# sentence-transformers reads the first of these that exists.
SENTENCE_CONFIGS = tuple(
    f"sentence_{kind}_config.json"
    for kind in ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
)
# Each kind of pooling had a flag before sentence-transformers 5.4. Since then it is one word.
POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_lasttoken": "lasttoken",
}
# A Qwen3 that pools its last token is a Qwen3-Embedding. No file of such a folder says the following.
QWEN3_END, QWEN3_LEAST = "<|endoftext|>", 32
SKIPPED = {"mpnet": 2, "xlm-roberta": 2}  # positions that are never used, because theirs begin at 2


@dataclass(frozen=True)
class Declared:
    """What a folder declares.

    max_tokens: the longest text, special tokens included. prompts: name -> text that is set before each text.
    end_token: what every text ends in, or None for what the tokenizer adds. min_dimensions: to how few
    dimensions a vector may be cut.
    """

    max_tokens: int
    prompts: Mapping[str, str]
    end_token: str | None
    min_dimensions: int


def read_declared(folder: Path) -> Declared:
    """Read what a model's folder declares.

    Raises:
        FixtureError: config.json is missing, or a file is malformed.

    """
    config = read_json(folder / "config.json", optional=False)
    sentence = next((one for name in SENTENCE_CONFIGS if (one := folder / name).exists()), folder / "none")
    tokenizer = read_json(folder / "tokenizer_config.json")
    limits = (
        read_json(sentence).get("max_seq_length"),
        tokenizer.get("model_max_length"),
        tokenizer.get("max_len"),
    )
    prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    qwen3 = config.get("model_type") == "qwen3" and "lasttoken" in pooling_words(folder)
    try:
        positions = _positions(config)
        declared = next((int(limit) for limit in limits if limit is not None), positions)
        texts = {str(name): str(text or "") for name, text in prompts.items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        hint = "restore its JSON files"
        raise FixtureError(
            folder, f"its limit or its prompts are malformed ({error!r})", hint=hint
        ) from error
    end, least = (QWEN3_END, QWEN3_LEAST) if qwen3 else (None, 1)
    return Declared(min(declared, positions), texts, end, least)


def _positions(config: Mapping[str, Any]) -> int:
    """Return how many tokens the model has positions for."""
    if "n_positions" in config:  # Nomic BERT, whose max_position_embeddings is what it was trained with
        return int(config["n_positions"])
    return int(config["max_position_embeddings"]) - SKIPPED.get(str(config.get("model_type")), 0)


def listed_modules(folder: Path) -> list[tuple[str, str]]:
    """Return the kind and the path of each module that modules.json names; none if there is no such file.

    Raises:
        FixtureError: the file is malformed.

    """
    path = folder / "modules.json"
    if not path.exists():
        return []
    try:
        modules = json.loads(path.read_text(encoding="utf-8"))
        found = [(str(one["type"]).rpartition(".")[2], str(one.get("path", ""))) for one in modules]
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint="restore the file") from error
    for _, place in found:
        if Path(place).is_absolute() or ".." in Path(place).parts:
            raise FixtureError(path, f"{place!r} is no folder of this model", hint="restore the file")
    return found


def pooling_words(folder: Path) -> list[str]:
    """Return the kinds of pooling that a folder declares, as "mean"; none if it declares none.

    Raises:
        FixtureError: a file is malformed.

    """
    paths = [path for kind, path in listed_modules(folder) if kind == "Pooling"]
    declared = read_json(folder / (paths or ["1_Pooling"])[0] / "config.json")
    if word := declared.get("pooling_mode"):
        return list(word) if isinstance(word, list) else [str(word)]
    return [
        POOLING_FLAGS.get(flag, flag)
        for flag, on in declared.items()
        if flag.startswith("pooling_mode") and on
    ]


def similarity_note(folder: Path) -> str:
    """Say that a folder declares another similarity than the cosine, where that ranks differently; or "".

    Vectors of length 1 are ranked alike by all of them.

    Raises:
        FixtureError: a file is malformed.

    """
    name = read_json(folder / "config_sentence_transformers.json").get("similarity_fn_name") or "cosine"
    if name == "cosine" or "Normalize" in dict(listed_modules(folder)):
        return ""
    return (
        f"  declares the similarity {name!r}, of vectors of any length; here they have length 1: the cosine"
    )


def read_json(path: Path, *, optional: bool = True) -> dict[str, Any]:
    """Return the object of a JSON file; of an optional file that is not there, an empty one.

    Raises:
        FixtureError: the file cannot be read, or holds no object.

    """
    try:
        if optional and not path.exists():
            return {}
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FixtureError(path, f"cannot be read ({error})", hint="restore the file") from error
    if not isinstance(content, dict):
        raise FixtureError(path, "is no JSON object", hint="restore the file")
    return content
