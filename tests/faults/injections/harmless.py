"""Harmless changes: the gate must stay green. A check that flags one raises a false alarm."""

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batch_runner, batching, cache, embedder, folder, loading, pooling, tokens
from embeddings.backend import mx
from embeddings.models import bert, decoder, layers
from tests.faults.registry import TINY_DECODER, Patch, harmless
from tests.faults.seams import change_texts, pool_with, replace_encode, scratch


@harmless("a decoder", "out", "nothing is changed", model=TINY_DECODER)
@harmless("a decoder in bfloat16", "fwd", "", model=TINY_DECODER, precision="bfloat16")
@harmless("a decoder in float16", "fwd", "", model=TINY_DECODER, precision="float16")
def nothing(patch: Patch) -> None:
    """Change nothing."""


def batch_budget(tokens_: int) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        patch.setattr(batch_runner, "BATCH_TOKENS", dict.fromkeys(batch_runner.BATCH_TOKENS, tokens_))

    return inject


harmless("small batches", "out", "a budget of 64 tokens")(batch_budget(64))
harmless("large batches", "out", "a budget of 4,096 tokens")(batch_budget(4096))
harmless("batches of one", "out", "each text alone")(batch_budget(1))
harmless("a decoder in small batches", "out", "a budget of 64", model=TINY_DECODER)(batch_budget(64))
harmless("a decoder in large batches", "out", "of 4,096", model=TINY_DECODER)(batch_budget(4096))


@harmless("renamed folder", "load", "the same files in a folder of another name")
def renamed_folder(patch: Patch) -> None:
    right = folder.find_folder

    def find(name_or_folder: str | Path) -> folder.ModelFolder:
        copy = scratch.folder / "my-model"
        copy.unlink(missing_ok=True)
        copy.symlink_to(right(name_or_folder).path, target_is_directory=True)
        return right(copy)

    patch.setattr(loading, "find_folder", find)


@harmless("normalised twice", "out", "vectors of length 1 are scaled once more")
def normalised_twice(patch: Patch) -> None:
    right = pooling.normalize
    patch.setattr(pooling, "normalize", lambda vectors: right(right(vectors)))


@harmless("another thread", "out", "each call runs in a thread of its own")
def another_thread(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            return right(self, texts, **options)
        with ThreadPoolExecutor(1) as pool:
            return pool.submit(right, self, texts, **options).result()

    replace_encode(patch, encode)


@harmless("cached a second time", "out", "every vector is a hit")
def cached_a_second_time(patch: Patch) -> None:
    """Return cache hits only. Each call runs twice with one cache, and only the second may warn."""
    first, warn = threading.local(), tokens.warn_of_truncation

    def warn_once(dropped: NDArray[np.int64], max_tokens: int) -> None:
        if not getattr(first, "now", False):  # hidden states also warn
            warn(dropped, max_tokens)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        kept = options.pop("cache", None) or cache.VectorCache()
        first.now = True
        try:
            right(self, texts, cache=kept, **options)
        finally:
            first.now = False
        return right(self, texts, cache=kept, **options)

    patch.setattr(embedder, "warn_of_truncation", warn_once)
    replace_encode(patch, encode)


@harmless("reversed batches", "out", "shortest texts first")
@harmless("a decoder, shortest first", "out", "shortest first", model=TINY_DECODER)
def shortest_first(patch: Patch) -> None:
    right = batching.token_batches
    patch.setattr(batch_runner, "token_batches", lambda lengths, budget: [*right(lengths, budget)][::-1])


def padded_to(multiple: int) -> Callable[[Patch], None]:
    """Pad each batch to a multiple of the given number of tokens."""

    def inject(patch: Patch) -> None:
        def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
            padded = batching.pad(ids)
            return np.pad(padded, ((0, 0), (0, -padded.shape[1] % multiple)))

        patch.setattr(batch_runner, "pad", pad)

    return inject


harmless("padded to multiples of 8", "out", "a few more columns of padding")(padded_to(8))
harmless("a decoder padded to multiples of 64", "out", "more padding", model=TINY_DECODER)(padded_to(64))


@harmless("an extra row", "out", "each batch gets a row of padding, as where shapes are fixed")
def extra_row(patch: Patch) -> None:
    right = bert.Bert.__call__

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        ids = mx.concatenate([ids, mx.zeros_like(ids[:1])])
        return right(self, ids, mx.concatenate([lengths, mx.ones_like(lengths[:1])]))[:-1]

    patch.setattr(bert.Bert, "__call__", call)


@harmless("one stream", "out", "batches run one after the other")
def one_stream(patch: Patch) -> None:
    patch.setattr(batch_runner, "SIDE_BY_SIDE", dict.fromkeys(batch_runner.SIDE_BY_SIDE, 1))


@harmless("batches in any order", "out", "batches are drawn at random")
def batches_in_any_order(patch: Patch) -> None:
    def batches(lengths: NDArray[np.int64], budget: int) -> list[NDArray[np.int64]]:
        some = list(batching.token_batches(lengths, budget))
        return [some[number] for number in np.random.default_rng(0).permutation(len(some))]

    patch.setattr(batch_runner, "token_batches", batches)


@harmless("each text once", "out", "repeats are encoded once, and copied")
def each_text_once(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            return right(self, texts, **options)
        places = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        vectors = right(self, list(places), **options)
        return vectors[[places[text] for text in texts]]

    replace_encode(patch, encode)


@harmless("a cache in a file", "out", "every vector comes out of a file that was closed in between")
def cache_in_a_file(patch: Patch) -> None:
    first, warn = threading.local(), tokens.warn_of_truncation
    numbers = itertools.count()

    def warn_once(dropped: NDArray[np.int64], max_tokens: int) -> None:
        if not getattr(first, "now", False):
            warn(dropped, max_tokens)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if options.get("cache") is not None:
            return right(self, texts, **options)
        path = scratch.folder / f"cache-{next(numbers)}"
        for first.now in (True, False):
            with cache.VectorCache(path) as kept:
                vectors = right(self, texts, **{**options, "cache": kept})
        path.unlink()
        return vectors

    patch.setattr(embedder, "warn_of_truncation", warn_once)
    replace_encode(patch, encode)


@harmless("a tuple of texts", "out", "texts are copied into a tuple, and each into a string of its own")
def tuple_of_texts(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if isinstance(texts, str) or not all(isinstance(text, str) for text in texts):
            return right(self, texts, **options)
        return right(self, tuple("".join(list(text)) for text in texts), **options)

    replace_encode(patch, encode)


@harmless("spaces at the end", "tok", "spaces that the tokenizer drops stand behind each text")
def spaces_at_the_end(patch: Patch) -> None:
    change_texts(patch, lambda text: f"{text}  ")


@harmless("columns first", "out", "the array lies in memory column by column, and is read-only")
def columns_first(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = np.asfortranarray(right(self, texts, **options))
        vectors.flags.writeable = False
        return vectors

    replace_encode(patch, encode)


@harmless("lengths in float64", "out", "vectors are scaled to length 1 in float64")
def lengths_in_float64(patch: Patch) -> None:
    def encode(
        right: Any, self: Any, texts: Sequence[str], *, normalize_embeddings: bool = True, **options: Any
    ) -> Any:
        vectors = right(self, texts, normalize_embeddings=False, **options).astype(np.float64)
        lengths = (
            np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12) if normalize_embeddings else 1
        )
        return np.float32(vectors / lengths)

    replace_encode(patch, encode)


@harmless("mean by a product", "out", "a matrix product averages the tokens")
def mean_by_a_product(patch: Patch) -> None:
    def pool(hidden: mx.array, lengths: mx.array) -> mx.array:
        real = (mx.arange(hidden.shape[1])[None, :] < lengths[:, None]).astype(mx.float32)
        return ((real / lengths[:, None])[:, None, :] @ hidden)[:, 0]

    pool_with(patch, pool)


@harmless("MLX's own GELU and attention", "fwd", "in place of those made of products and sums")
def own_gelu_and_attention(patch: Patch) -> None:
    patch.setattr(layers, "_slow", lambda _: False)


@harmless("a decoder in steps of 128", "fwd", "a long text goes through in shorter steps", model=TINY_DECODER)
def shorter_steps(patch: Patch) -> None:
    patch.setattr(decoder, "STEP", 128)
