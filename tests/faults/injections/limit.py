"""Where a text is cut off, and who is told."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batching, embedder, tokens
from tests.faults.registry import Patch, faults_of
from tests.faults.seams import (
    change_tokens,
)

fault = faults_of("limit")


@fault(
    "text cut to the budget", "tok", "a text longer than batch_tokens loses its end", kills=("batch budget",)
)
def cut_to_the_budget(patch: Patch) -> None:
    budgets = [0]

    def batches(lengths: NDArray[np.int64], budget: int) -> Any:
        budgets[0] = budget
        return batching.token_batches(lengths, budget)

    def pad(ids: Sequence[NDArray[np.int32]]) -> NDArray[np.int32]:
        padded = batching.pad(ids)
        padded[:, budgets[0] :] = 0
        return padded

    patch.setattr(embedder, "token_batches", batches)
    patch.setattr(embedder, "pad", pad)


@fault(
    "silent cut",
    "tok",
    "texts are cut at 128 tokens and nobody is told",
    kills=("long tail", "truncation count", "parity"),
    source="raullenchai/Rapid-MLX#1381",
)
def silent_cut(patch: Patch) -> None:
    def cut(found: tokens.TokenizedTexts) -> tokens.TokenizedTexts:
        return tokens.TokenizedTexts([ids[:128] for ids in found.ids], np.zeros_like(found.dropped))

    change_tokens(patch, cut)


@fault(
    "cut not counted",
    "tok",
    "texts are cut where they should be, and nobody is told",
    kills=("truncation count",),
)
def cut_not_counted(patch: Patch) -> None:
    change_tokens(patch, lambda found: tokens.TokenizedTexts(found.ids, np.zeros_like(found.dropped)))
