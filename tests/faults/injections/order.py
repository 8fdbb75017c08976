"""Faults in the order and the number of vectors: which vector belongs to which text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    Batch,
    change_batches,
    change_vectors,
    hash_of,
    replace_encode,
)

fault = faults_of("order")


@fault(
    "output in length order",
    "out",
    "vectors come back in the order of the batches",
    kills=("parity", "permuted", "alone or mixed", "texts by chance"),
    source="googleapis/js-genai#1207",
)
def length_order(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[np.argsort(-self.tokenize(texts).lengths, kind="stable")]

    replace_encode(patch, encode)


@fault(
    "repeats dropped",
    "out",
    "a long list is encoded once per distinct text, and comes back shorter",
    kills=("many texts",),
)
def repeats_dropped(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        return right(self, list(dict.fromkeys(texts)) if len(texts) > 64 else texts, **options)

    replace_encode(patch, encode)


@fault(
    "two vectors exchanged",
    "out",
    "the last two texts of a call get each other's vector",
    kills=("parity", "permuted", "alone or mixed"),
)
def two_exchanged(patch: Patch) -> None:
    change_vectors(patch, lambda vectors: np.concatenate([vectors[:-2], vectors[-2:][::-1]]))


@fault(
    "batch reversed and not put back",
    "out",
    "a batch runs longest text last, and its vectors are taken to be longest first",
    kills=("parity", "permuted", "alone or mixed"),
)
def batch_reversed(patch: Patch) -> None:
    change_batches(patch, lambda batches: [(rows[::-1], output) for rows, output in batches])


@fault(
    "batches in order of completion",
    "out",
    "of the batches that run side by side, the one that is done first is taken for the first",
    kills=("parity", "permuted", "batch budget"),
    source="0xPlaygrounds/rig#2348",
)
def batches_in_order_of_completion(patch: Patch) -> None:
    def late(batches: list[Batch]) -> list[Batch]:
        rows = np.concatenate([numbers for numbers, _ in batches] or [np.empty(0, dtype=np.int64)])
        done = [output for _, outputs in batches[::-1] for output in outputs]
        return [(rows[place : place + 1], output[None]) for place, output in enumerate(done)]

    change_batches(patch, late)


@fault(
    "last batch lost",
    "out",
    "the texts of the last batch get the vector of the text before them",
    kills=("topics parity", "batch budget"),
    source="amd/gaia#3530",
)
def last_batch_lost(patch: Patch) -> None:
    def lost(batches: list[Batch]) -> list[Batch]:
        if len(batches) < 2:
            return batches
        (_, before), (rows, _) = batches[-2:]
        return [*batches[:-1], (rows, np.repeat(before[-1:], len(rows), axis=0))]

    change_batches(patch, lost)


@fault(
    "order of a set",
    "out",
    "texts are put into a set, and its order is taken for theirs",
    kills=("parity", "permuted", "new process"),
    random=True,
)
def order_of_a_set(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return vectors[np.argsort([hash_of(text) for text in texts])]

    replace_encode(patch, encode)


@fault(
    "case folded before repeats",
    "out",
    "texts that differ in case alone are encoded once",
    kills=("alike texts",),
    model=TINY_DECODER,
)
def case_folded(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        first = {text.casefold(): row for row, text in reversed(list(enumerate(texts)))}
        return vectors[[first[text.casefold()] for text in texts]]

    replace_encode(patch, encode)
