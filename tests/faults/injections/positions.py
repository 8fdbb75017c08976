"""Where a token stands."""

from collections.abc import Callable
from typing import Any

from embeddings.blas import mx
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


class _Shifted:
    """A rotary embedding whose every second call, that of the keys, counts from another position."""

    def __init__(self, rope: Any, offset: int) -> None:
        self.rope, self.offset, self.keys = rope, offset, False

    def __call__(self, x: mx.array, offset: Any = 0) -> mx.array:
        shift = self.offset if self.keys else 0
        self.keys = not self.keys
        turned: mx.array = self.rope(x, offset=offset + shift)
        return turned


def _positions_from(offset: int) -> Callable[[Any], None]:
    def change(trunk: Any) -> None:
        for layer in trunk.layers:
            # Only relative positions count: keys and queries must disagree for it to show.
            layer.self_attn.rope = _Shifted(layer.self_attn.rope, offset)

    return change


@fault(
    "position off by one",
    "fwd",
    "keys count their positions from one",
    kills=("parity", "hidden state parity"),
    source="sbryngelson/ANEForge#257",
    model=TINY_DECODER,
)
def position_off_by_one(patch: Patch) -> None:
    change_trunk(patch, _positions_from(1))
