"""Harmless changes: the gate must stay green. A check that flags one raises false alarms."""

import itertools
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batching, cache, embedder, folder, loading, pooling
from embeddings.blas import mx
from tests.faults.registry import TINY_DECODER, Patch, harmless
from tests.faults.seams import leave_unevaluated, replace_encode, scratch
from tests.faults.simulated import Machine


@harmless("a decoder", "out", "nothing is changed", model=TINY_DECODER)
@harmless("a decoder in bfloat16", "fwd", "", model=TINY_DECODER, precision="bfloat16")
@harmless("a decoder in float16", "fwd", "", model=TINY_DECODER, precision="float16")
def nothing(patch: Patch) -> None:
    """Change nothing."""


def batch_budget(tokens_: int) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        patch.setattr(embedder, "_BATCH_TOKENS", {mx.default_device().type: tokens_})

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
    patch.setattr(embedder, "to_unit_length", lambda vectors: pooling.normalize(pooling.normalize(vectors)))


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
    """Return hits alone: each call is made twice with one cache, and only the second may warn."""
    first, warn = threading.local(), embedder._warn_of_truncation

    def warn_once(dropped: NDArray[np.int64], max_tokens: int) -> None:
        if not getattr(first, "now", False):  # hidden states warn too
            warn(dropped, max_tokens)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        kept = options.pop("cache", None) or cache.VectorCache()
        first.now = True
        try:
            right(self, texts, cache=kept, **options)
        finally:
            first.now = False
        return right(self, texts, cache=kept, **options)

    patch.setattr(embedder, "_warn_of_truncation", warn_once)
    replace_encode(patch, encode)


@harmless("reversed batches", "out", "shortest texts first")
@harmless("a decoder, shortest first", "out", "shortest first", model=TINY_DECODER)
def shortest_first(patch: Patch) -> None:
    right = batching.token_batches
    patch.setattr(embedder, "token_batches", lambda lengths, budget: reversed(list(right(lengths, budget))))


harmless("unevaluated graph, waited for", "time", "by the meter's rule", model=TINY_DECODER)(
    leave_unevaluated
)


@harmless("slow model", "time", "twice the time for the same work", model=TINY_DECODER)
def slow_model(patch: Patch) -> None:
    patch.setattr(Machine, "share", Machine.share / 2)


def forward_passes(take: Callable[[int], float]) -> Callable[[Patch], None]:
    """Let the n-th forward pass take ``take(n)`` times as long as it should."""

    def inject(patch: Patch) -> None:
        numbers = itertools.count()
        patch.setattr(Machine, "noise", lambda _: take(next(numbers)))

    return inject


harmless("one slow round in ten", "time", "of ten times the time", model=TINY_DECODER)(
    forward_passes(lambda number: 10 if number % 10 == 7 else 1)
)
harmless("throttled machine", "time", "0.2 % slower with each round", model=TINY_DECODER)(
    forward_passes(lambda number: 1.002**number)
)


@harmless("noisy machine", "time", "rounds take up to 20 % longer", model=TINY_DECODER)
def noisy_machine(patch: Patch) -> None:
    random = Random(scratch.seed)  # noqa: S311
    forward_passes(lambda _: random.uniform(1, 1.2))(patch)
