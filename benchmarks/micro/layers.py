"""Where the time of a layer goes on a CPU: ``python -m benchmarks.micro.layers``.

It measures one layer of the embedded model, on a batch of 512 tokens with 32 tokens per text, on one core.
The library's functions stand beside MLX's own, in interleaved rounds. The matrix products follow. The last
line is the rate of a core that would do nothing but the products. Results are medians.
"""

import statistics
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from embeddings.backend import mx
from embeddings.models import cpu_kernels

TEXTS, TOKENS, HEADS, HEAD, WIDTH, INNER = 16, 32, 12, 32, 384, 1536
LAYERS = 6
CALLS = {"gelu": 1, "attention": 1, "layer_norm": 2}  # of a function in a layer
PRODUCTS = {
    (WIDTH, WIDTH): 4,
    (WIDTH, INNER): 1,
    (INNER, WIDTH): 1,
}  # (inputs, outputs) -> products in a layer
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


def functions() -> float:
    """Print the milliseconds of both versions, and how far apart they are. Return the seconds of a layer."""
    total = 0.0
    print(f"{'function':<12} {'MLX, ms':>8} {'ours, ms':>9} {'gain':>6}  apart by")
    for name, (theirs, ours) in pairs().items():
        apart = np.abs(np.array(theirs()) - np.array(ours())).max()
        rounds = [(seconds(theirs), seconds(ours)) for _ in range(ROUNDS)]
        slow, fast = (statistics.median(column) for column in zip(*rounds, strict=True))
        print(f"{name:<12} {1e3 * slow:>8.2f} {1e3 * fast:>9.2f} {slow / fast:>5.1f}x  {apart:.1e}")
        total += CALLS[name] * fast
    return total


def products() -> float:
    """Print the rate of each product. Return the seconds of those of a layer."""
    total = 0.0
    print(f"\n{'product':<12} {'GFLOP/s':>8}")
    for (inputs, outputs), count in PRODUCTS.items():
        x, weight = random(TEXTS * TOKENS, inputs), random(outputs, inputs)
        taken = statistics.median(seconds(partial(mx.matmul, x, weight.T)) for _ in range(ROUNDS))
        print(f"{f'{inputs} x {outputs}':<12} {2 * TEXTS * TOKENS * inputs * outputs / taken / 1e9:>8.0f}")
        total += count * taken
    return total


def main() -> None:
    """Print what the functions and the products take, and the rate that the products alone would have."""
    mx.set_default_device(mx.cpu)
    in_functions, in_products = functions(), products()
    share, rate = in_products / (in_products + in_functions), TEXTS * TOKENS / in_products / LAYERS
    print(
        f"\na layer: products {1e3 * in_products:.2f} ms, {share:.0%}; functions {1e3 * in_functions:.2f} ms"
    )
    print(f"the products alone: {rate:,.0f} tokens/s of one core")


if __name__ == "__main__":
    main()
