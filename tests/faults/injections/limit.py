"""Faults in truncation: where a text is cut off, and whether the user is warned."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embeddings import batch_runner, batching, tokens
from embeddings.backend import mx
from embeddings.models import decoder
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_tokenizer,
    change_tokens,
    change_trunk,
    replace_encode,
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

    patch.setattr(batch_runner, "token_batches", batches)
    patch.setattr(batch_runner, "pad", pad)


@fault(
    "silent cut",
    "tok",
    "texts are cut at 128 tokens and nobody is told",
    kills=("long tail", "truncation count", "parity", "declared tokens"),
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
    kills=("truncation count", "declared tokens"),
)
def cut_not_counted(patch: Patch) -> None:
    change_tokens(patch, lambda found: tokens.TokenizedTexts(found.ids, np.zeros_like(found.dropped)))


def cut_at(more: int) -> Callable[[Patch], None]:
    def inject(patch: Patch) -> None:
        change_tokenizer(patch, lambda tokenizer, limit: tokenizer.enable_truncation(limit + more))

    return inject


fault(
    "cut one token early",
    "load",
    "the greatest length is taken for one that a text must stay below",
    kills=("token ids", "truncation count", "parity", "declared tokens"),
)(cut_at(-1))
fault(
    "cut one token late",
    "load",
    "a text of one token more than the model reads goes in whole",
    kills=("token ids", "truncation count", "parity", "declared tokens"),
)(cut_at(1))


@fault(
    "beginning cut off",
    "load",
    "what a long text loses is its beginning",
    kills=("token ids", "parity", "declared tokens"),
    source="vllm-project/vllm#12050",
)
def beginning_cut_off(patch: Patch) -> None:
    change_tokenizer(patch, lambda tokenizer, limit: tokenizer.enable_truncation(limit, direction="left"))


@fault(
    "end token cut off",
    "load",
    "a long text is cut after its end token was appended, so that it has none",
    kills=("token ids", "parity", "declared tokens"),
    source="pytorch-ignite/trainite#161",
    model=TINY_DECODER,
)
def end_token_cut_off(patch: Patch) -> None:
    limits = {}

    def remember(tokenizer: Any, limit: int) -> None:
        tokenizer.no_truncation()
        limits[id(tokenizer)] = tokenizer, limit  # keep it alive, so no other object gets its id

    right = tokens.TextTokenizer.__call__

    def call(self: tokens.TextTokenizer, texts: Sequence[str]) -> tokens.TokenizedTexts:
        found, (_, limit) = right(self, texts), limits[id(self._tokenizer)]
        return tokens.TokenizedTexts([ids[:limit] for ids in found.ids], np.maximum(found.lengths - limit, 0))

    change_tokenizer(patch, remember)
    patch.setattr(tokens.TextTokenizer, "__call__", call)


@fault(
    "chunks averaged",
    "tok",
    "a long text is the mean of its halves' vectors, not scaled to length 1 again",
    kills=("norm", "parity"),
    source="vllm-project/vllm#57927",
)
def chunks_averaged(patch: Patch) -> None:
    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        for row in np.flatnonzero(self.tokenize(texts).dropped).tolist():
            middle = len(texts[row]) // 2
            vectors[row] = right(self, [texts[row][:middle], texts[row][middle:]], **options).mean(axis=0)
        return vectors

    replace_encode(patch, encode)


@fault(
    "dense mask for long texts",
    "fwd",
    "a mask of all tokens beside all is made, and all their scores at once",
    kills=("memory of long texts",),
    source="Blaizzy/mlx-embeddings#68",
    model=TINY_DECODER,
)
def dense_mask(patch: Patch) -> None:
    def call(self: decoder.Decoder, ids: mx.array, _: mx.array) -> mx.array:
        return self.walk(ids, mx.tril(mx.ones((ids.shape[1], ids.shape[1]), dtype=mx.bool_)))

    patch.setattr(decoder.Decoder, "__call__", call)


@fault(
    "positions begin anew in each step",
    "fwd",
    "the first token of a step of a long text stands at position 0 again",
    kills=("long parity",),
    model=TINY_DECODER,
)
def positions_begin_anew(patch: Patch) -> None:
    class FromZero:
        """A rotary embedding that ignores the offset at which a step begins."""

        def __init__(self, rope: Any) -> None:
            self.rope = rope

        def __call__(self, x: mx.array, offset: Any = 0) -> mx.array:  # noqa: ARG002  (this is the fault)
            turned: mx.array = self.rope(x)
            return turned

    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.rope = FromZero(layer.self_attn.rope)

    change_trunk(patch, change)


@fault(
    "steps that forget",
    "fwd",
    "a step of a long text does not read the steps before it",
    kills=("long reach",),
    source="kekzl/imp#117",
    model=TINY_DECODER,
)
def steps_that_forget(patch: Patch) -> None:
    def call(self: decoder.Decoder, ids: mx.array, _: mx.array) -> mx.array:
        starts = range(0, ids.shape[1], decoder.STEP)
        return mx.concatenate([self.trunk(ids[:, start : start + decoder.STEP]) for start in starts], axis=1)

    patch.setattr(decoder.Decoder, "__call__", call)


def limit_of_the_file(name: str, limit: int, what: str, kills: tuple[str, ...], **options: str) -> None:
    """Declare a fault in which the limit of tokenizer.json is kept, and not the model's."""

    @fault(name, "load", what, kills=kills, **options)
    def inject(patch: Patch) -> None:
        change_tokenizer(patch, lambda tokenizer, most: tokenizer.enable_truncation(min(most, limit)))


limit_of_the_file(
    "limit of tokenizer.json",
    128,
    "texts are cut at 128 tokens, as the file says, where the model reads 256; the cut is told",
    ("token ids", "declared tokens", "long tail"),
    source="qdrant/fastembed#703",
)


@fault(
    "one long text fails the call",
    "tok",
    "a text above the limit is an error for all texts of the call",
    kills=("truncation count", "long tail", "parity"),
    source="huggingface/text-embeddings-inference#145",
)
def long_text_fails(patch: Patch) -> None:
    def refuse(found: tokens.TokenizedTexts) -> tokens.TokenizedTexts:
        if found.dropped.any():
            raise ValueError("input is too long")
        return found

    change_tokens(patch, refuse)
