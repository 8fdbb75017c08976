"""Compares the library's CPU kernels with MLX's own functions: ``python -m benchmarks.micro.layers``.

It measures one layer of the embedded model on this CPU, on 768 tokens with 24 tokens per text, on one core.
Rounds are interleaved, and results are medians.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from embeddings.backend import mx
from embeddings.models import cpu_kernels

TEXTS, TOKENS, HEADS, HEAD, WIDTH, INNER = 32, 24, 12, 32, 384, 1536
ROUNDS = 41


def random(*shape: int) -> mx.array:
    """Return random numbers of the normal distribution, float32."""
    return mx.array(np.random.default_rng(0).normal(size=shape).astype(np.float32))


def pairs() -> dict[str, tuple[Callable[[], mx.array], Callable[[], mx.array]]]:
    """Return each function's name with its two versions: MLX's own and ours."""
    inner, hidden, weight = random(TEXTS, TOKENS, INNER), random(TEXTS, TOKENS, WIDTH), random(WIDTH)
    heads = random(TEXTS, HEADS, TOKENS, HEAD)
    mask = (mx.arange(TOKENS) < TOKENS - 1)[None, None, None]
    attend, scale = mx.fast.scaled_dot_product_attention, HEAD**-0.5
    return {
        "gelu": (lambda: 0.5 * inner * (1 + mx.erf(inner * 0.5**0.5)), lambda: cpu_kernels.gelu(inner)),
        "attention": (
            lambda: attend(heads, heads, heads, scale=scale, mask=mask),
            lambda: cpu_kernels.attention(heads, heads, heads, scale=scale, mask=mask),
        ),
        "layer_norm": (
            lambda: mx.fast.layer_norm(hidden, weight, weight, 1e-12),
            lambda: cpu_kernels.layer_norm(hidden, weight, weight, 1e-12),
        ),
    }


def seconds(function: Callable[[], mx.array]) -> float:
    """Time one evaluation."""
    start = time.perf_counter()
    mx.eval(function())
    return time.perf_counter() - start


def main() -> None:
    """Print the milliseconds of both versions, and the largest difference of their results."""
    mx.set_default_device(mx.cpu)
    print(f"{'function':<12} {'MLX, ms':>8} {'ours, ms':>9} {'gain':>6}  apart by")
    for name, (theirs, ours) in pairs().items():
        apart = np.abs(np.array(theirs()) - np.array(ours())).max()
        rounds = [(seconds(theirs), seconds(ours)) for _ in range(ROUNDS)]
        slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:<12} {1e3 * slow:>8.2f} {1e3 * fast:>9.2f} {slow / fast:>5.1f}x  {apart:.1e}")


if __name__ == "__main__":
    main()
