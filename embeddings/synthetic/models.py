"""The synthetic models: the exact shapes of Qwen3-Embedding, random weights and Qwen's real vocabulary.

They are for tests of speed, memory and invariance, which do not depend on the values of the weights. Their
vectors mean nothing. A synthetic model is a real folder without weights, so the ordinary code loads it.

Where the shapes are from: the config.json of Qwen/Qwen3-Embedding-0.6B, as public code repeats it key by
key. For 4B and 8B such code repeats the sizes; a published llama.cpp log of the 8B model shows 151,665
tokens and 151,387 merges (https://github.com/gpustack/gpustack/issues/4344); and the parameters of all
three add up to what https://github.com/embeddings-benchmark/mteb counts in the checkpoints. Whether the
embedding table is tied to the head is, for these two, that of the base models Qwen3-4B and Qwen3-8B: a
trunk has no head, so nothing depends on it.
"""

import hashlib
import json
import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings.backend import mx
from embeddings.errors import ModelError, ModelNotFound
from embeddings.folder import ModelFolder
from embeddings.models.quantization import Quantization
from embeddings.recipe import RECIPES
from embeddings.synthetic.qwen_tokenizer import END, find_ranks, make_tokenizer, read_ranks

__all__ = ["PREFIX", "SHAPES", "SyntheticFolder", "config_of", "make_folder", "random_weights"]

PREFIX = "synthetic:"

_COMMON: Mapping[str, Any] = MappingProxyType(
    {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "num_key_value_heads": 8,
        "head_dim": 128,
        "hidden_act": "silu",
        "attention_bias": False,
        "rms_norm_eps": 1e-6,
        "rope_theta": 1_000_000,
        "rope_scaling": None,
        "use_sliding_window": False,
        "torch_dtype": "bfloat16",
    }
)
_SIZES = (
    "hidden_size num_hidden_layers intermediate_size num_attention_heads vocab_size max_position_embeddings "
    "tie_word_embeddings"
).split()
SHAPES: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "qwen3-embedding-0.6b": dict(zip(_SIZES, (1024, 28, 3072, 16, 151_669, 32_768, True), strict=True)),
        "qwen3-embedding-4b": dict(zip(_SIZES, (2560, 36, 9728, 32, 151_665, 40_960, True), strict=True)),
        "qwen3-embedding-8b": dict(zip(_SIZES, (4096, 36, 12288, 32, 151_665, 40_960, False), strict=True)),
    }
)
# Bits of a weight by the name's ending. mlx-lm packs every matrix, the embedding table too, in groups of 64.
_BITS: Mapping[str, int | None] = MappingProxyType({"": None, "-bf16": None, "-8bit": 8, "-4bit": 4})
_GROUP_SIZE = 64


class SyntheticFolder(ModelFolder):
    """The folder of a synthetic model: a temporary one, without weights."""


def make_folder(name: str) -> SyntheticFolder:
    """Write the folder of a synthetic model without weights. It is deleted with the returned object.

    Raises:
        ModelNotFound: there is no such synthetic model, or Qwen's vocabulary is not installed.
        DamagedModel: Qwen's vocabulary cannot be read.

    """
    config = config_of(name)
    tokenizer = make_tokenizer(read_ranks(find_ranks()), config["vocab_size"])
    path = Path(tempfile.mkdtemp(prefix="synthetic-"))
    folder = SyntheticFolder(path, name)
    weakref.finalize(folder, shutil.rmtree, path, ignore_errors=True)  # at the latest when Python ends
    tokenizer.save(str(path / "tokenizer.json"), pretty=False)
    (path / "1_Pooling").mkdir()
    pooling = {"word_embedding_dimension": config["hidden_size"], "pooling_mode_lasttoken": True}
    for file, content in {
        "config.json": config,
        "modules.json": [
            {"idx": row, "name": str(row), "path": where, "type": f"sentence_transformers.models.{kind}"}
            for row, (where, kind) in enumerate(
                (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
            )
        ],
        "1_Pooling/config.json": pooling,
        "config_sentence_transformers.json": {"prompts": dict(RECIPES["qwen3-embedding"].prompts)},
        "tokenizer_config.json": {"eos_token": END, "pad_token": END, "model_max_length": 131_072},
    }.items():
        (path / file).write_text(json.dumps(content, indent=2), encoding="utf-8")
    return folder


def config_of(name: str) -> dict[str, Any]:
    """Return the content of config.json for the model of that name.

    Raises:
        ModelNotFound: no such synthetic model.

    """
    for shape, sizes in SHAPES.items():
        for ending, bits in _BITS.items():
            if name == f"{PREFIX}{shape}{ending}":
                packing = {"quantization": {"group_size": _GROUP_SIZE, "bits": bits}} if bits else {}
                return {**_COMMON, **sizes, **packing}
    raise ModelNotFound(
        name,
        "no such synthetic model",
        hint=f"take one of {', '.join(PREFIX + shape for shape in SHAPES)}, "
        f"with {', '.join(filter(None, _BITS))} or nothing (bf16) behind it",
    )


def random_weights(
    name: str,
    shapes: Mapping[str, tuple[int, ...]],
    packed: Collection[str],
    quantization: Quantization | None,
    *,
    precision: mx.Dtype | None,
) -> dict[str, mx.array]:
    """Return random weights of ``shapes`` (name -> shape) as evaluated arrays, the same for the same name.

    A matrix is uniform with mean 0 and standard deviation 1 / sqrt(columns), so a product keeps the length of
    its input. The embedding table has standard deviation 1. A norm is uniform around 1, with standard
    deviation 0.1. Packed matrices are random words. Nothing is quantized, so 8B takes seconds.

    packed: names of the weights that are packed integers. Their scales and biases are weights of their own.
    precision: floats are rounded to bf16 and then widened to this type. None leaves them bf16.

    Raises:
        ModelError: the weights do not fit into this machine's memory.

    """
    _check_memory(name, shapes, packed, precision)
    seed = name.removesuffix("-bf16")  # with this ending and without it is one model
    weights: dict[str, mx.array] = {}
    for weight, shape in shapes.items():
        words = _Words(f"{seed}/{weight}")
        owner, _, part = weight.rpartition(".")
        if weight in packed:
            weights[weight] = mx.array(words(shape, np.dtype(np.uint32)))
        else:
            if quantization and f"{owner}.weight" in packed:
                scale, bias = _affine(
                    _deviation(owner, shape[1] * quantization.default.group_size), quantization.default.bits
                )
                made = mx.full(shape, scale if part == "scales" else bias, dtype=mx.float32)
            elif len(shape) == 1:
                made = 1 + 0.1 * _standard(words, shape)
            else:
                made = _deviation(owner, shape[1]) * _standard(words, shape)
            made = made.astype(mx.bfloat16)
            weights[weight] = made if precision is None else made.astype(precision)
        mx.eval(weights[weight])  # one at a time, so that what goes into one is freed before the next
    mx.clear_cache()
    return weights


class _Words:
    """Random integers that depend only on a text, from NumPy's SFC64, at some GB a second."""

    def __init__(self, key: str) -> None:
        digest = hashlib.sha256(key.encode()).digest()
        self._bits = np.random.SFC64(int.from_bytes(digest, "big"))

    def __call__(self, shape: tuple[int, ...], kind: np.dtype[Any]) -> NDArray[Any]:
        """Return uniform whole numbers of that integer type, over all of its range."""
        size = math.prod(shape)
        raw = self._bits.random_raw(-(-size * kind.itemsize // 8))
        return raw.view(kind)[:size].reshape(shape)


def _standard(words: _Words, shape: tuple[int, ...]) -> mx.array:
    """Uniform numbers with mean 0 and standard deviation 1, float32."""
    return mx.array(words(shape, np.dtype(np.int16))).astype(mx.float32) * (math.sqrt(12) / 2**16)


def _affine(deviation: float, bits: int) -> tuple[float, float]:
    """Return scale and bias for which scale * q + bias has mean 0 and that standard deviation.

    The variance of n equally likely whole numbers in a row is (n^2 - 1) / 12, and here n = 2^bits.
    """
    scale = deviation / math.sqrt((4**bits - 1) / 12)
    return scale, -scale * (2**bits - 1) / 2


def _deviation(owner: str, columns: int) -> float:
    return 1.0 if owner == "embed_tokens" else columns**-0.5


def _check_memory(
    name: str, shapes: Mapping[str, tuple[int, ...]], packed: Collection[str], precision: mx.Dtype | None
) -> None:
    width = 2 if precision is None else precision.size
    needed = sum(math.prod(shape) * (4 if weight in packed else width) for weight, shape in shapes.items())
    if needed > (there := memory_bytes()):
        raise ModelError(
            name,
            f"its weights take {needed / 1e9:.1f} GB with floats of {8 * width} bits, "
            f"this machine has {there / 1e9:.1f} GB",
            hint="take a smaller one, or the same with -4bit",
        )


def memory_bytes() -> int:
    """Return the memory that weights go to: the default device's where it has its own, else the machine's."""
    device = int(mx.device_info(mx.default_device()).get("total_memory", 0))
    return device or os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
