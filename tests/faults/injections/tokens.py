"""From a text to its ids."""

import json
from pathlib import Path

from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_ids,
    load_from_copy,
)

fault = faults_of("tokens")


@fault(
    "special tokens dropped",
    "tok",
    "texts go in without their first and last special token",
    kills=("token ids", "parity"),
    source="ggml-org/llama.cpp#24428",
)
def no_special_tokens(patch: Patch) -> None:
    change_ids(patch, lambda ids: ids[1:-1] if len(ids) > 2 else ids)


@fault(
    "another revision's tokenizer",
    "load",
    "accents are kept; the hash is not looked at",
    kills=("files", "token ids"),
    source="embeddings-benchmark/mteb#5377",
)
def other_tokenizer(patch: Patch) -> None:
    def change(copy: Path) -> None:
        path = copy / "tokenizer.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        content["normalizer"]["strip_accents"] = False
        path.write_text(json.dumps(content), encoding="utf-8")

    load_from_copy(patch, change)


@fault(
    "end token missing",
    "tok",
    "texts go in without the token that is pooled",
    kills=("token ids", "parity", "prompts"),
    source="ggml-org/llama.cpp#14252",
    model=TINY_DECODER,
)
def no_end_token(patch: Patch) -> None:
    change_ids(patch, lambda ids: ids[:-1] if len(ids) > 1 else ids)


@fault(
    "wrong end token",
    "tok",
    "another special token stands at the end",
    kills=("token ids", "parity", "prompts"),
    source="neomjs/neo#14015",
    model=TINY_DECODER,
)
def wrong_end_token(patch: Patch) -> None:
    change_ids(patch, lambda ids: [*ids[:-1], 10])


@fault(
    "end token twice",
    "tok",
    "the template and the code append one each",
    kills=("token ids", "parity", "prompts"),
    source="ohdearquant/lattice#103",
    model=TINY_DECODER,
)
def end_token_twice(patch: Patch) -> None:
    change_ids(patch, lambda ids: [*ids, ids[-1]])


fault(
    "special tokens dropped on a decoder",
    "tok",
    "texts go in without their first and last token",
    kills=("token ids", "parity"),
    source="ggml-org/llama.cpp#24428",
    model=TINY_DECODER,
)(no_special_tokens)
