"""The key of a cached vector: a digest of everything that affects the vector, and of nothing else.

Each field is written after its kind and length. So two different lists of fields never give the same bytes.
A vector's key is the SHA-256 of 32 bytes followed by the text. The 32 bytes stand for everything except the
text. So each text needs only one short hash.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from embeddings.recipe import Recipe

__all__ = ["Inputs", "code_digest", "keys_of", "unambiguous", "weights_digest"]

Field = bytes | str | int | bool | None
_KINDS = {bytes: b"b", str: b"s", int: b"i", bool: b"?", type(None): b"0"}


@dataclass(frozen=True)
class Inputs:
    """Everything that affects a vector, except its text.

    architecture: the name of the architecture and its configuration, as loaded.
    weights: digest of the weights in memory and of their types (the precision).
    tokenizer: digest of the tokenizer as loaded.
    pooling, modules, causal, end_token, max_tokens: from the recipe (see recipe.Recipe). The limit is in
        tokens.
    prefix: the text before each text: a prompt, with its instruction.
    normalize: whether vectors are scaled to length 1. dimensions: the number of dimensions of the vector.
    code: digest of this library's own modules.
    arithmetic: the kind of device, and the versions of MLX and of related packages.
    """

    architecture: str
    weights: bytes
    tokenizer: bytes
    pooling: str
    modules: str
    causal: bool
    end_token: str | None
    max_tokens: int
    prefix: str
    normalize: bool
    dimensions: int
    code: bytes
    arithmetic: str

    @classmethod
    def of(cls, recipe: Recipe, **others: Any) -> "Inputs":
        """Return the inputs with those of a recipe and of this library's code. others: the other fields."""
        return cls(
            pooling=recipe.pooling,
            modules=repr(recipe.modules),
            causal=recipe.causal,
            end_token=recipe.end_token,
            max_tokens=recipe.max_tokens,
            code=code_digest(),
            **others,
        )

    def digest(self) -> bytes:
        """Return the digest of all fields (32 bytes)."""
        return hashlib.sha256(unambiguous(astuple(self))).digest()


def keys_of(inputs: Inputs, texts: Iterable[str]) -> list[bytes]:
    """Return the key (32 bytes) of each text. The digest before the text always has the same length."""
    before, sha256 = inputs.digest(), hashlib.sha256
    return [sha256(before + text.encode()).digest() for text in texts]


def unambiguous(fields: Sequence[Field]) -> bytes:
    """Write fields as kind, length (8 bytes) and content, so that different fields give different bytes.

    Lone surrogates are written too. The tokenizer refuses them later, with the number of the text.
    """
    parts = [len(fields).to_bytes(8, "little")]
    for field in fields:
        content = field if isinstance(field, bytes) else str(field).encode("utf-8", "surrogatepass")
        parts += [_KINDS[type(field)], len(content).to_bytes(8, "little"), content]
    return b"".join(parts)


@cache
def code_digest() -> bytes:
    """Return the SHA-256 (32 bytes) of all modules of this library, in all its folders.

    Without it, a cache file would still return the vectors of a bug after the bug was fixed.
    """
    folder, digest = Path(__file__).parents[1], hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        digest.update(unambiguous((path.relative_to(folder).as_posix(), path.read_bytes())))
    return digest.digest()


def weights_digest(weights: Mapping[str, Any]) -> bytes:
    """Return the SHA-256 (32 bytes) of weights in memory: their names, types, shapes and values.

    The digest is of the weights that are used, not of the files. Files may be replaced after they were read.

    weights: name -> array. An array is any object with the buffer protocol. MiniLM's 90 MB take 0.09 s.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        values = memoryview(weights[name])
        digest.update(unambiguous((name, values.format, *(values.shape or ()))))
        digest.update(values)
    return digest.digest()
