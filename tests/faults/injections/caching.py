"""Faults in caching: vectors that were computed earlier."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from embeddings.cache import key, lookup, sqlite_store
from tests.faults.registry import TINY_DECODER, Patch, faults_of

fault = faults_of("caching")


def cache_key_without(*parts: str) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        right = key.Inputs.digest

        def digest(self: key.Inputs) -> bytes:
            return right(key.Inputs(**vars(self) | dict.fromkeys(parts, "")))

        patch.setattr(key.Inputs, "digest", digest)

    return inject


fault(
    "cache key without the model",
    "out",
    "another model's vectors come out of a shared cache",
    kills=("cached", "cache in any order"),
    source="embeddings-benchmark/mteb#5383",
)(cache_key_without("architecture", "weights", "tokenizer"))


@fault(
    "cache key joined ambiguously",
    "out",
    "the parts of a key are written one after the other, with nothing between them",
    kills=("cached", "cache in any order"),
    source="laravel/ai#839",
)
def cache_key_joined(patch: Patch) -> None:
    def keys_of(inputs: key.Inputs, texts: Sequence[str]) -> list[bytes]:
        options = (inputs.prefix, inputs.normalize, inputs.dimensions, inputs.max_tokens)
        return [b"%b%b" % (inputs.weights, "".join(map(str, (*options, text))).encode()) for text in texts]

    patch.setattr(lookup, "keys_of", keys_of)


fault(
    "cache key without the prompt",
    "out",
    "a query's vector comes out of the cache for a document",
    kills=("cached", "cache in any order"),
    source="braintrustdata/autoevals#211",
    model=TINY_DECODER,
)(cache_key_without("prefix"))

fault(
    "cache key without the dimensions",
    "out",
    "a shorter vector comes out of the cache for a whole one",
    kills=("cached", "cache in any order"),
    source="rmusser01/tldw_server#2776",
)(cache_key_without("dimensions"))
fault(
    "cache key without normalize",
    "out",
    "a vector of length 1 comes out of the cache for one that was asked for as it is",
    kills=("cached", "cache in any order"),
)(cache_key_without("normalize"))
fault(
    "cache key without the limit",
    "out",
    "the vector of a text that was cut sooner comes out of the cache",
    kills=("cached", "cache in any order"),
)(cache_key_without("max_tokens", "tokenizer"))


def keys_of_changed(change: Callable[[str], str]) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        right = key.keys_of
        patch.setattr(
            lookup, "keys_of", lambda inputs, texts: right(inputs, [change(text) for text in texts])
        )

    return inject


fault(
    "cache key in lower case",
    "out",
    "texts that differ in case alone share an entry",
    kills=("cached", "cache in any order"),
    model=TINY_DECODER,
)(keys_of_changed(str.lower))
fault(
    "cache key without spaces",
    "out",
    "texts that differ in the white space round them share an entry",
    kills=("cached", "cache in any order"),
    model=TINY_DECODER,
)(keys_of_changed(str.strip))
fault(
    "cache key of a text's beginning",
    "out",
    "texts with the same first 32 characters share an entry",
    kills=("cached",),
)(keys_of_changed(lambda text: text[:32]))


@fault(
    "hits before misses",
    "out",
    "what the cache had comes first, and what it lacked behind it",
    kills=("cached", "cache in any order"),
    source="run-llama/llama_index#19537",
)
def hits_before_misses(patch: Patch) -> None:
    right = lookup.Lookup.vectors

    def vectors(self: lookup.Lookup, width: int) -> NDArray[np.float32]:
        return right(self, width)[np.argsort([one in self._lacking for one in self._keys], kind="stable")]

    patch.setattr(lookup.Lookup, "vectors", vectors)


@fault(
    "miss served by a hit",
    "out",
    "in a call of which the cache has a part, what it lacks gets the vector of what it has",
    kills=("cached", "cache in any order"),
    source="BerriAI/litellm#41799",
)
def miss_served_by_a_hit(patch: Patch) -> None:
    right = lookup.Lookup.vectors

    def vectors(self: lookup.Lookup, width: int) -> NDArray[np.float32]:
        hits = [row for row, one in enumerate(self._keys) if one not in self._lacking]
        rows = np.arange(len(self._keys))
        if hits:
            rows[[one in self._lacking for one in self._keys]] = hits[0]
        return right(self, width)[rows]

    patch.setattr(lookup.Lookup, "vectors", vectors)


@fault(
    "float16 in the file",
    "out",
    "the cache's file keeps half of each number",
    kills=("cached", "cache in any order"),
)
def float16_in_the_file(patch: Patch) -> None:
    right = sqlite_store.SQLiteStore.put

    def put(self: sqlite_store.SQLiteStore, entries: Mapping[bytes, sqlite_store.Entry]) -> int:
        def half(vector: bytes) -> bytes:
            return np.frombuffer(vector, dtype="<f4").astype("<f2").astype("<f4").tobytes()

        return right(
            self, {key: sqlite_store.Entry(half(vector), lost) for key, (vector, lost) in entries.items()}
        )

    patch.setattr(sqlite_store.SQLiteStore, "put", put)
