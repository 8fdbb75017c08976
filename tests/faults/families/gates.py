"""The gated feed-forward part of ModernBERT and Nomic BERT, and the rotations of Nomic BERT."""

from collections.abc import Callable
from typing import Any

import numpy as np

from embeddings.backend import mx
from embeddings.models import Encoder, layers, modernbert, nomic_bert
from tests.faults.families.declare import MODERN, NOMIC, fault, harmless
from tests.faults.registry import Patch


@fault(MODERN, "halves of the gated part exchanged", "aosama/astronomical#596")
def exchanged_halves(patch: Patch) -> None:
    def feed_forward(self: Encoder, name: str, x: mx.array) -> mx.array:
        gate, activated = self.linear(f"{name}.Wi", x).split(2, axis=-1)
        return self.linear(f"{name}.Wo", layers.gelu(activated) * gate)

    patch.setattr(modernbert.ModernBert, "feed_forward", feed_forward)


@fault(MODERN, "halves of the gated part interleaved")
def interleaved_halves(patch: Patch) -> None:
    def feed_forward(self: Encoder, name: str, x: mx.array) -> mx.array:
        both = self.linear(f"{name}.Wi", x)
        return self.linear(f"{name}.Wo", layers.gelu(both[..., ::2]) * both[..., 1::2])

    patch.setattr(modernbert.ModernBert, "feed_forward", feed_forward)


@harmless(MODERN, "halves of the gated part multiplied apart")
def halves_apart(patch: Patch) -> None:
    def feed_forward(self: Encoder, name: str, x: mx.array) -> mx.array:
        first, second = self.weights[f"{name}.Wi.weight"].split(2)
        return self.linear(f"{name}.Wo", layers.gelu(x @ first.T) * (x @ second.T))

    patch.setattr(modernbert.ModernBert, "feed_forward", feed_forward)


@fault(NOMIC, "gate and value exchanged", "ml-explore/mlx-lm#767")
def exchanged_gate(patch: Patch) -> None:
    def feed_forward(self: Encoder, name: str, x: mx.array) -> mx.array:
        gate = layers.silu(self.linear(f"{name}.fc11", x))
        return self.linear(f"{name}.fc2", gate * self.linear(f"{name}.fc12", x))

    patch.setattr(nomic_bert.NomicBert, "feed_forward", feed_forward)


def _rotate(patch: Patch, rotate: Callable[[mx.array, float], mx.array]) -> None:
    patch.setattr(nomic_bert, "rope", rotate)


@fault(NOMIC, "no rotations")
def no_rotations(patch: Patch) -> None:
    _rotate(patch, lambda x, _: x)


@fault(NOMIC, "theta of 10,000")
def usual_theta(patch: Patch) -> None:
    _rotate(patch, lambda x, _: layers.rope(x, 10_000.0))


@fault(NOMIC, "pairs of neighbours rotated", "vllm-project/vllm-ascend#12820")
def neighbours_rotated(patch: Patch) -> None:
    _rotate(
        patch,
        lambda x, theta: mx.fast.rope(x, x.shape[-1], traditional=True, base=theta, scale=1.0, offset=0),
    )


@fault(NOMIC, "token types left out")
def no_token_types(patch: Patch) -> None:
    right = nomic_bert.NomicBert.rows

    def rows(self: Any, name: str, ids: mx.array) -> mx.array:
        found = right(self, name, ids)
        return 0 * found if "token_type" in name else found

    patch.setattr(nomic_bert.NomicBert, "rows", rows)


@harmless(NOMIC, "rotations by tables of cosines")
def rotations_by_tables(patch: Patch) -> None:
    def rotate(x: mx.array, theta: float) -> mx.array:
        half = x.shape[-1] // 2
        angles = np.arange(x.shape[2])[:, None] * theta ** (-np.arange(half) / half)
        cos, sin = mx.array(np.cos(angles), mx.float32), mx.array(np.sin(angles), mx.float32)
        first, second = x[..., :half], x[..., half:]
        return mx.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)

    _rotate(patch, rotate)
