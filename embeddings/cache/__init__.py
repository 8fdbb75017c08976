"""A cache of computed vectors: in memory, and in a file that threads and processes share."""

from embeddings.cache.vector_cache import CacheStats, VectorCache

__all__ = ["CacheStats", "VectorCache"]
