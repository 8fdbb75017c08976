"""Faults in tokenization: from a text to its token ids."""

import json
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_ids,
    change_texts,
    change_tokenizer,
    load_from_copy,
)

fault = faults_of("tokens")


@fault(
    "special tokens dropped",
    "tok",
    "texts go in without their first and last special token",
    kills=("token ids", "parity", "declared tokens"),
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
        for name, key in (("tokenizer.json", "normalizer"), ("tokenizer_config.json", "")):
            content = json.loads((copy / name).read_text(encoding="utf-8"))
            (content[key] if key else content)["strip_accents"] = False
            (copy / name).write_text(json.dumps(content), encoding="utf-8")

    load_from_copy(patch, change)


@fault(
    "end token missing",
    "tok",
    "texts go in without the token that is pooled",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    source="ggml-org/llama.cpp#14252",
    model=TINY_DECODER,
)
def no_end_token(patch: Patch) -> None:
    change_ids(patch, lambda ids: ids[:-1] if len(ids) > 1 else ids)


@fault(
    "wrong end token",
    "tok",
    "another special token stands at the end",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    source="neomjs/neo#14015",
    model=TINY_DECODER,
)
def wrong_end_token(patch: Patch) -> None:
    change_ids(patch, lambda ids: [*ids[:-1], 10])


@fault(
    "end token twice",
    "tok",
    "the template and the code append one each",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    source="ohdearquant/lattice#103",
    model=TINY_DECODER,
)
def end_token_twice(patch: Patch) -> None:
    change_ids(patch, lambda ids: [*ids, ids[-1]])


fault(
    "special tokens dropped on a decoder",
    "tok",
    "texts go in without their first and last token",
    kills=("token ids", "parity", "declared tokens"),
    source="ggml-org/llama.cpp#24428",
    model=TINY_DECODER,
)(no_special_tokens)


@fault(
    "upper case unknown",
    "tok",
    "a word with an upper-case letter becomes the unknown token",
    kills=("token ids", "parity", "topics parity", "declared tokens"),
    source="ollama/ollama#13942",
)
def upper_case_unknown(patch: Patch) -> None:
    def unknown(word: re.Match[str]) -> str:
        return "[UNK]" if re.search("[A-Z]", word[0]) else word[0]

    change_texts(patch, lambda text: re.sub(r"\w+", unknown, text))


@fault(
    "accented letters lost",
    "tok",
    "a letter that decomposes into letter and accent is left out, not only its accent",
    kills=("token ids", "parity", "declared tokens"),
    source="ggml-org/llama.cpp#5496",
)
def accented_letters_lost(patch: Patch) -> None:
    change_texts(patch, lambda text: "".join(c for c in text if len(unicodedata.normalize("NFD", c)) == 1))


def normalised(form: Literal["NFC", "NFD", "NFKC"]) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        change_texts(patch, partial(unicodedata.normalize, form))

    return inject


fault(
    "compatible characters folded",
    "tok",
    "ligatures, superscripts and full-width letters become plain ones (NFKC)",
    kills=("token ids", "parity", "declared tokens"),
)(normalised("NFKC"))
fault(
    "accents taken apart",
    "tok",
    "letters are decomposed (NFD) before a tokenizer that takes them as they are",
    kills=("token ids", "parity", "declared tokens"),
    model=TINY_DECODER,
)(normalised("NFD"))
fault(
    "accents put together",
    "tok",
    "letters and accents are composed (NFC) before a tokenizer that takes them as they are",
    kills=("token ids", "parity", "declared tokens"),
    model=TINY_DECODER,
)(normalised("NFC"))


@fault(
    "lower-cased",
    "tok",
    "texts are lower-cased before a tokenizer that tells the cases apart",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    model=TINY_DECODER,
)
def lower_cased(patch: Patch) -> None:
    change_texts(patch, str.lower)


@fault(
    "white space stripped",
    "tok",
    "spaces at both ends are cut off before a tokenizer that keeps them",
    kills=("token ids", "parity", "declared tokens"),
    model=TINY_DECODER,
)
def white_space_stripped(patch: Patch) -> None:
    change_texts(patch, str.strip)


@fault(
    "line breaks as spaces",
    "tok",
    "each line feed becomes a space before a tokenizer that keeps both",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    source="chroma-core/chroma#2129",
    model=TINY_DECODER,
)
def line_breaks_as_spaces(patch: Patch) -> None:
    change_texts(patch, lambda text: text.replace("\n", " "))


@fault(
    "special tokens read as text",
    "load",
    "[SEP] in a text is spelt out, where the reference takes it for the token",
    kills=("token ids", "parity", "declared tokens"),
    source="SciSharp/LLamaSharp#1112",
)
def special_tokens_as_text(patch: Patch) -> None:
    change_tokenizer(patch, lambda tokenizer, _: setattr(tokenizer, "encode_special_tokens", True))


@fault(
    "chat template round plain text",
    "tok",
    "each text goes in as a user's turn of a conversation",
    kills=("token ids", "parity", "prompts", "declared tokens"),
    source="unslothai/unsloth#6939",
    model=TINY_DECODER,
)
def chat_template(patch: Patch) -> None:
    turn = "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"
    change_texts(patch, turn.format)
