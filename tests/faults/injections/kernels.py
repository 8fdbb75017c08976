"""Faults of a kernel or a compiled graph that occur only for some shapes."""

from typing import Any

from embeddings.backend import mx, nn
from embeddings.models import bert
from tests.faults.registry import TINY_DECODER, Patch, faults_of

fault = faults_of("kernels")
MOST_ROWS = 32_768  # 2^15


@fault(
    "rows past 32,768",
    "fwd",
    "in a larger product so many leading rows as are too many come out as garbage",
    kills=("many texts",),
    source="mflux-community/mflux#489",
    model=TINY_DECODER,
)
def rows_past_the_most(patch: Patch) -> None:
    right = nn.layers.linear.Linear.__call__

    def linear(self: Any, x: mx.array) -> mx.array:
        out: mx.array = right(self, x)
        rows = out.reshape(-1, out.shape[-1])
        over = mx.arange(len(rows))[:, None] < len(rows) - MOST_ROWS
        return mx.where(over, rows[:, ::-1], rows).reshape(out.shape)

    patch.setattr(nn.layers.linear.Linear, "__call__", linear)


@fault(
    "first value replayed",
    "fwd",
    "a compiled graph gives what it gave for the first batch of a shape",
    kills=("alone or mixed", "long tail", "equal lengths"),
    source="ml-explore/mlx#3201",
)
def first_value_replayed(patch: Patch) -> None:
    right, kept = bert.Bert.__call__, dict[tuple[int, ...], mx.array]()

    def call(self: bert.Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        if ids.shape not in kept:
            hidden = right(self, ids, lengths)
            mx.eval(hidden)  # without this, another thread cannot use it
            kept[ids.shape] = hidden
        return kept[ids.shape]

    patch.setattr(bert.Bert, "__call__", call)


@fault(
    "first mask replayed",
    "fwd",
    "a compiled graph holds the padding mask of the first batch of a shape as a constant",
    kills=("alone or mixed",),
    source="ml-explore/mlx#3201",
)
def first_mask_replayed(patch: Patch) -> None:
    right, kept = bert.Bert.attention_mask, dict[tuple[int, int], mx.array | None]()

    def mask(self: bert.Bert, longest: int, lengths: mx.array) -> mx.array | None:
        if (len(lengths), longest) not in kept:
            made = right(self, longest, lengths)
            mx.eval(made)
            kept[len(lengths), longest] = made
        return kept[len(lengths), longest]

    patch.setattr(bert.Bert, "attention_mask", mask)
