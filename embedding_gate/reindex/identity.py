"""What a model is, by all that changes a vector. Names and paths are no part of it."""

from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Identity"]


class Identity(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of a model. None: its subject does not tell.

    dimensions: D of its vectors.
    weights, tokenizer: SHA-256 of the weights in memory, of the tokenizer as loaded.
    encoding: SHA-256 of what else turns texts into vectors: architecture, pooling, limit of tokens, scaling.
    dtype: what it computes in, as "float32".
    prompts: name -> text that is set before each text.
    versions: of the packages, and the SHA-256 of the library's code.
    device: kind and arithmetic.
    """

    dimensions: int
    weights: str | None = None
    tokenizer: str | None = None
    encoding: str | None = None
    dtype: str | None = None
    prompts: Mapping[str, str] | None = None
    versions: Mapping[str, str] | None = None
    device: str | None = None

    def differences(self, other: "Identity") -> list[str]:
        """Name what both tell, and tell differently: "weights", "dtype: float32 -> float16"."""
        found = []
        for name in self.__struct_fields__:
            one, its = getattr(self, name), getattr(other, name)
            if one == its or one is None or its is None:
                continue
            short = name in ("dtype", "dimensions", "device")
            found.append(f"{name}: {one} -> {its}" if short else name)
        return found

    def as_data(self) -> dict[str, Any]:
        """Return plain JSON."""
        data: dict[str, Any] = msgspec.to_builtins(self)
        return data
