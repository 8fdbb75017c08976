"""Faults in the position of a token."""

from collections.abc import Callable
from typing import Any

from embeddings.backend import mx
from embeddings.models import bert
from tests.faults.registry import TINY_DECODER, Patch, faults_of
from tests.faults.seams import (
    change_trunk,
)

fault = faults_of("positions")


@fault(
    "rotary theta ignored",
    "fwd",
    "10,000, the default, where the folder says a million",
    kills=("parity", "hidden state parity"),
    source="lyogavin/airllm#368",
    model=TINY_DECODER,
)
def theta_ignored(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.rope.base = 10_000.0

    change_trunk(patch, change)


def change_rope(patch: Patch, change: Callable[[Any], Callable[[mx.array, int], mx.array]]) -> None:
    """Rotate queries and keys (B, H, T, D) from an offset on, by a function made from the right attention."""

    def replace(trunk: Any) -> None:
        for layer in trunk.layers:
            turn = change(layer.self_attn)
            layer.self_attn.rope = lambda x, offset=0, turn=turn: turn(x, offset)

    change_trunk(patch, replace)


def are_keys(attention: Any, x: mx.array) -> bool:
    """Return whether these are keys: keys have fewer heads than queries."""
    return bool(x.shape[1] == attention.n_kv_heads)


@fault(
    "position off by one",
    "fwd",
    "keys count their positions from one",
    kills=("parity", "hidden state parity"),
    source="sbryngelson/ANEForge#257",
    model=TINY_DECODER,
)
def position_off_by_one(patch: Patch) -> None:
    """Shift the positions of the keys only: positions are relative, so a shift of both has no effect."""

    def change(attention: Any) -> Callable[[mx.array, int], mx.array]:
        rope = attention.rope
        return lambda x, offset: rope(x, offset=offset + are_keys(attention, x))

    change_rope(patch, change)


@fault(
    "keys turned twice",
    "fwd",
    "a key's rotation is applied to it once more",
    kills=("parity", "hidden state parity"),
    source="vllm-project/vllm-omni#3828",
    model=TINY_DECODER,
)
def keys_turned_twice(patch: Patch) -> None:
    def change(attention: Any) -> Callable[[mx.array, int], mx.array]:
        rope = attention.rope

        def turn(x: mx.array, offset: int) -> mx.array:
            once: mx.array = rope(x, offset=offset)
            return rope(once, offset=offset) if are_keys(attention, x) else once

        return turn

    change_rope(patch, change)


@fault(
    "neighbours turned in pairs",
    "fwd",
    "components 0 and 1 are turned together, and not 0 and 16",
    kills=("parity", "hidden state parity"),
    source="ohdearquant/lattice#96",
    model=TINY_DECODER,
)
def interleaved(patch: Patch) -> None:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            layer.self_attn.rope.traditional = True

    change_trunk(patch, change)


@fault(
    "norm after the rotation",
    "fwd",
    "queries and keys are turned first and normalised then",
    kills=("parity", "hidden state parity"),
    source="meta-pytorch/torchtune#2809",
    model=TINY_DECODER,
)
def norm_after_rotation(patch: Patch) -> None:
    """Undo the rotation of a normalised vector, then scale as if the rotation had come first."""

    def change(attention: Any) -> Callable[[mx.array, int], mx.array]:
        rope, scales = attention.rope, (attention.q_norm, attention.k_norm)

        def turn(x: mx.array, offset: int) -> mx.array:
            # A rotation keeps the norm of a vector, so only the place of the scale differs.
            scale = scales[are_keys(attention, x)].weight
            turned: mx.array = rope(x / scale, offset=offset) * scale
            return turned

        return turn

    change_rope(patch, change)


@fault(
    "bfloat16 rotary tables",
    "fwd",
    "positions and frequencies are rounded before they are multiplied: worse with length",
    kills=("parity", "hidden state parity"),
    source="huggingface/candle#3520",
    model=TINY_DECODER,
)
def bfloat16_tables(patch: Patch) -> None:
    def change(attention: Any) -> Callable[[mx.array, int], mx.array]:
        rope = attention.rope

        def turn(x: mx.array, offset: int) -> mx.array:
            half = x.shape[-1] // 2
            frequencies = rope.base ** -(mx.arange(half) / half)
            places = mx.arange(offset, offset + x.shape[2])[:, None].astype(mx.bfloat16)
            angles = (places * frequencies.astype(mx.bfloat16)).astype(mx.float32)
            cos, sin, one, other = mx.cos(angles), mx.sin(angles), x[..., :half], x[..., half:]
            return mx.concatenate([one * cos - other * sin, other * cos + one * sin], axis=-1)

        return turn

    change_rope(patch, change)


def change_positions(patch: Patch, change: Callable[[mx.array, tuple[int, ...]], mx.array]) -> None:
    """Add other position embeddings: table (P, D) and ids' shape (B, T) -> (B, T, D) or (T, D)."""

    def embed(self: bert.Bert, ids: mx.array) -> mx.array:
        tables = "embeddings.{}_embeddings.weight"
        x = self.weights[tables.format("word")][ids] + self.weights[tables.format("token_type")][0]
        return self.norm(
            "embeddings.LayerNorm", x + change(self.weights[tables.format("position")], ids.shape)
        )

    patch.setattr(bert.Bert, "embed", embed)


@fault(
    "positions from two on",
    "fwd",
    "counted as RoBERTa counts them, past its padding's number",
    kills=("parity", "hidden state parity", "published agreement"),
    source="huggingface/sentence-transformers#3879",
)
def positions_from_two(patch: Patch) -> None:
    change_positions(patch, lambda table, shape: table[2 : 2 + shape[1]])


@fault(
    "positions not begun anew",
    "fwd",
    "counted through the batch, and not from 0 in each text",
    kills=("parity", "alone or mixed", "equal lengths", "many texts"),
)
def positions_not_begun_anew(patch: Patch) -> None:
    change_positions(
        patch, lambda table, shape: table[mx.arange(shape[0] * shape[1]).reshape(shape) % len(table)]
    )


@fault(
    "positions stop at 128",
    "fwd",
    "what comes later stands where the last did",
    kills=("parity", "hidden state parity"),
)
def positions_stop(patch: Patch) -> None:
    change_positions(patch, lambda table, shape: table[mx.minimum(mx.arange(shape[1]), 127)])


@fault(
    "positions begin anew at 128",
    "fwd",
    "past the end of a shorter table its rows come again",
    kills=("parity", "hidden state parity"),
    source="ml-explore/mlx-swift-lm#62",
)
def positions_again(patch: Patch) -> None:
    change_positions(patch, lambda table, shape: table[mx.arange(shape[1]) % 128])
