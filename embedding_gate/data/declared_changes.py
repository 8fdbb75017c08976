"""In what the folder of a model declares something else than the folder of its origin."""

import json
from pathlib import Path
from typing import Any

from embedding_gate.data.checkpoint import float_type
from embedding_gate.data.declared import listed_modules, pooling_words, read_declared, read_json

__all__ = ["architecture", "declared_changes", "declared_pooling"]

NOT_DECLARED = "not declared"
POOLING = {"cls": "first token", "mean": "mean of the tokens", "lasttoken": "last token"}
# What config.json says of the architecture. Names, versions and settings of training are left out.
ARCHITECTURE = (
    "model_type hidden_size num_hidden_layers num_attention_heads num_key_value_heads head_dim "
    "intermediate_size vocab_size max_position_embeddings type_vocab_size hidden_act layer_norm_eps "
    "rms_norm_eps rope_theta rope_scaling sliding_window tie_word_embeddings"
).split()


def declared_changes(origin: Path, own: Path) -> list[str]:
    """Return a line for each thing that two folders declare differently: "pooling: mean -> first token".

    Raises:
        FixtureError: a file is malformed.

    """
    before, after = _declared(origin), _declared(own)
    return [
        f"{name}: {before.get(name, NOT_DECLARED)} -> {after.get(name, NOT_DECLARED)}"
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    ]


def architecture(folder: Path) -> dict[str, Any]:
    """Return what config.json says of the architecture; a key without a value is left out.

    Raises:
        FixtureError: the file is missing or malformed.

    """
    config = read_json(folder / "config.json", optional=False)
    return {name: config[name] for name in ARCHITECTURE if config.get(name) is not None}


def _declared(folder: Path) -> dict[str, str]:
    """Return what a folder declares, in words: what -> its value."""
    texts = read_declared(folder)
    prompts = {f"prompt {name!r}": repr(text) for name, text in texts.prompts.items()}
    default = read_json(folder / "config_sentence_transformers.json").get("default_prompt_name")
    quantization = read_json(folder / "config.json").get("quantization")
    return {
        **_modules(folder),
        **prompts,
        **({"default prompt": repr(default)} if default else {}),
        "limit": f"{texts.max_tokens:,} tokens",
        **{name: json.dumps(value) for name, value in architecture(folder).items()},
        **({"weights": float_type(folder)} if [*folder.glob("model*.safetensors")] else {}),
        **({"quantization": json.dumps(quantization)} if quantization else {}),
    }


def _modules(folder: Path) -> dict[str, str]:
    """Return pooling, normalisation and Dense modules, which modules.json leads to."""
    modules = listed_modules(folder)
    if not modules:
        return {}
    dense = {
        f"Dense module {path}": json.dumps(read_json(folder / path / "config.json", optional=False))
        for kind, path in modules
        if kind == "Dense"
    }
    return {
        "pooling": declared_pooling(folder) or NOT_DECLARED,
        "normalisation": "yes" if "Normalize" in dict(modules) else "no",
        **dense,
    }


def declared_pooling(folder: Path) -> str:
    """Return how a folder pools, in words: "mean of the tokens"; "" where it does not say.

    Raises:
        FixtureError: a file is malformed.

    """
    return " and ".join(POOLING.get(word, word) for word in pooling_words(folder))
