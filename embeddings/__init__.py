"""A thin MLX library of text-embedding models.

>>> import embeddings
>>> model = embeddings.load()                      # the embedded all-MiniLM-L6-v2
>>> model.encode(["a text", "another"]).shape
(2, 384)
"""

from embeddings import fast_blas as _fast_blas  # noqa: F401  (first: a fast BLAS must be loaded before MLX)
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
