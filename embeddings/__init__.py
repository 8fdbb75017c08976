"""A thin MLX library of text-embedding models.

    >>> import embeddings
    >>> model = embeddings.load()                      # the embedded all-MiniLM-L6-v2
    >>> model.encode(["a text", "another"]).shape
    (2, 384)

Names are imported when first used (PEP 562), so that the judge can be imported without MLX. One module is
imported at once: it loads a fast BLAS, which must be there before MLX is (:mod:`embeddings.openblas`).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from embeddings import openblas as _openblas  # noqa: F401

if TYPE_CHECKING:
    from embeddings.cache import CacheStats, VectorCache
    from embeddings.embedder import Embedder
    from embeddings.errors import (
        CacheError,
        CacheNotWritable,
        CacheWarning,
        DamagedModel,
        EmbeddingsError,
        HashMismatch,
        InputError,
        MemoryWarning,
        ModelError,
        ModelNotFound,
        OutOfMemory,
        TruncationWarning,
        UnsupportedModel,
        WeightMismatch,
    )
    from embeddings.loading import load, use_device
    from embeddings.tokens import TokenizedTexts

__all__ = [
    "CacheError",
    "CacheNotWritable",
    "CacheStats",
    "CacheWarning",
    "DamagedModel",
    "Embedder",
    "EmbeddingsError",
    "HashMismatch",
    "InputError",
    "MemoryWarning",
    "ModelError",
    "ModelNotFound",
    "OutOfMemory",
    "TokenizedTexts",
    "TruncationWarning",
    "UnsupportedModel",
    "VectorCache",
    "WeightMismatch",
    "load",
    "use_device",
]

_HOME = {
    "CacheStats": "cache",
    "Embedder": "embedder",
    "TokenizedTexts": "tokens",
    "VectorCache": "cache",
    "load": "loading",
    "use_device": "loading",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'embeddings' has no attribute {name!r}")
    return getattr(import_module(f"embeddings.{_HOME.get(name, 'errors')}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
