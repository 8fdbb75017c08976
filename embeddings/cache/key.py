"""What a cached vector is found by: a digest of all that changes it, and of nothing else.

Fields are written with their kind and length before them, so that no two lists of fields read the same.
A vector's key is SHA-256 over 32 bytes that stand for everything but the text, then the text: one short
hash a text.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["Inputs", "code_digest", "keys_of", "unambiguous", "weights_digest"]

Field = bytes | str | int | bool | None
_KINDS = {bytes: b"b", str: b"s", int: b"i", bool: b"?", type(None): b"0"}


@dataclass(frozen=True)
class Inputs:
    """All that changes a vector besides its text.

    architecture: its name and configuration, as they were loaded.
    weights: digest of the weights in memory, and of the types that they are computed in (the precision).
    tokenizer: digest of the tokenizer as it was loaded.
    pooling, causal, end_token, max_tokens: of the recipe (see recipe.Recipe); the limit is in tokens.
    prefix: what is set before the text: a prompt, with its instruction.
    normalize, dimensions: as asked for; the dimensions that the vector has.
    code: digest of this library's own modules.
    arithmetic: what they compute with: the kind of device, and the versions of MLX and of its companions.
    """

    architecture: str
    weights: bytes
    tokenizer: bytes
    pooling: str
    causal: bool
    end_token: str | None
    max_tokens: int
    prefix: str
    normalize: bool
    dimensions: int
    code: bytes
    arithmetic: str

    def digest(self) -> bytes:
        """Return the 32 bytes that stand for them."""
        return hashlib.sha256(unambiguous(astuple(self))).digest()


def keys_of(inputs: Inputs, texts: Iterable[str]) -> list[bytes]:
    """Return the key (32 bytes) of each text. The digest has one length, so no text reads as a part of it."""
    before, sha256 = inputs.digest(), hashlib.sha256
    return [sha256(before + text.encode()).digest() for text in texts]


def unambiguous(fields: Sequence[Field]) -> bytes:
    """Write fields so that no other fields are written the same: kind, length (8 bytes), content.

    Lone surrogates are written too: they are refused where the text is tokenized, by its number.
    """
    parts = [len(fields).to_bytes(8, "little")]
    for field in fields:
        content = field if isinstance(field, bytes) else str(field).encode("utf-8", "surrogatepass")
        parts += [_KINDS[type(field)], len(content).to_bytes(8, "little"), content]
    return b"".join(parts)


@cache
def code_digest() -> bytes:
    """Return SHA-256 (32 bytes) over all of this library's modules, in whichever folder of it.

    Without it a file would go on serving what a fault computed after the fault was fixed.
    """
    folder, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(unambiguous((path.relative_to(folder).as_posix(), path.read_bytes())))
    return digest.digest()


def weights_digest(weights: Mapping[str, Any]) -> bytes:
    """Return SHA-256 (32 bytes) over weights in memory: their names, types, shapes and values.

    Of what is computed with, not of files, which may be replaced after they were read.

    weights: name -> array, anything with the buffer protocol. MiniLM's 90 MB take 0.09 s.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = memoryview(weights[name])
        digest.update(unambiguous((name, values.format, *(values.shape or ()))))
        digest.update(values)
    return digest.digest()
