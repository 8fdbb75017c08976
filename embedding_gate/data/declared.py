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

__all__ = ["Declared", "read_declared", "read_json"]

# A Qwen3 that pools its last token is a Qwen3-Embedding. No file of such a folder says the following.
QWEN3_END, QWEN3_LEAST = "<|endoftext|>", 32


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
    limits = (
        read_json(folder / "sentence_bert_config.json").get("max_seq_length"),
        read_json(folder / "tokenizer_config.json").get("model_max_length"),
    )
    prompts = read_json(folder / "config_sentence_transformers.json").get("prompts") or {}
    pooling = read_json(folder / "1_Pooling" / "config.json")
    qwen3 = config.get("model_type") == "qwen3" and bool(pooling.get("pooling_mode_lasttoken"))
    try:
        positions = int(config["max_position_embeddings"])
        declared = next((int(limit) for limit in limits if limit is not None), positions)
        texts = {str(name): str(text) for name, text in prompts.items()}
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        hint = "restore its JSON files"
        raise FixtureError(
            folder, f"its limit or its prompts are malformed ({error!r})", hint=hint
        ) from error
    end, least = (QWEN3_END, QWEN3_LEAST) if qwen3 else (None, 1)
    return Declared(min(declared, positions), texts, end, least)


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
