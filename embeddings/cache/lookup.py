"""Looks up the texts of one call in a cache: which texts it has, and which must be computed."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.cache.key import Inputs, keys_of
from embeddings.cache.sqlite_store import Entry
from embeddings.cache.vector_cache import VectorCache
from embeddings.errors import CacheNotWritable, CacheWarning, InputError, warn

__all__ = ["Lookup"]


class Lookup:
    """The entries that a cache has for the texts of one call, and the texts that must be computed.

    Each distinct text is computed once.

    texts: N texts that were already checked. inputs: everything else that affects their vectors.

    Raises:
        InputError: the cache is not a VectorCache, for example it is a file name.
        CacheError: the file is damaged or cannot be read.

    """

    def __init__(self, cache: VectorCache, inputs: Inputs, texts: Sequence[str]) -> None:
        if not isinstance(cache, VectorCache):
            raise InputError(
                "cache", f"must be a VectorCache, got {type(cache).__name__}", hint="open VectorCache(FILE)"
            )
        self._cache = cache
        self._keys = keys_of(inputs, texts)
        asked = dict(zip(self._keys, texts, strict=True))
        self._entries = cache.get_many(asked)
        some_lack = len(self._entries) < len(asked)
        lacking = {key: asked[key] for key in asked if key not in self._entries} if some_lack else {}
        self._lacking, self.missing = list(lacking), list(lacking.values())
        self._writable = True

    def dropped(self, computed: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the number of tokens cut off each text (N,), given those of the missing texts (M,)."""
        entries, of = self._entries, dict(zip(self._lacking, computed.tolist(), strict=True))
        cut = [of[key] if key in of else entries[key][1] for key in self._keys]
        return np.array(cut, dtype=np.int64)

    def put(self, rows: NDArray[np.int64], vectors: NDArray[np.float32], dropped: NDArray[np.int64]) -> None:
        """Store the vectors (B, D) of the missing texts with the numbers ``rows`` (B,).

        dropped: (B,) tokens that were cut off each text.

        Warns:
            CacheWarning: the file cannot be written. It is given once in a call. The call continues without
                the file.

        """
        little_endian = vectors.astype("<f4", copy=False)
        computed = {
            self._lacking[row]: Entry(vector.tobytes(), lost)
            for row, vector, lost in zip(rows.tolist(), little_endian, dropped.tolist(), strict=True)
        }
        self._entries.update(computed)
        if not self._writable:
            return
        try:
            self._cache.put_many(computed)
        except CacheNotWritable as error:
            self._writable = False
            warn(CacheWarning(f"{error}; the rest of this call is not kept"))

    def vectors(self, width: int) -> NDArray[np.float32]:
        """Return the vectors (N, width) of all texts. The array is a copy, so the caller may change it."""
        entries = self._entries
        joined = bytearray().join([entries[key][0] for key in self._keys])
        return (
            np.frombuffer(joined, dtype="<f4").reshape(len(self._keys), width).astype(np.float32, copy=False)
        )
