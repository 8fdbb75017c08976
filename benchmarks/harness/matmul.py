"""How fast this device multiplies matrices. The rates of models are compared with this."""

import time
from typing import Any

from embeddings.backend import mx, usable_cores

__all__ = ["matmul_rates", "streams"]


def streams() -> list[Any]:
    """Return the streams that keep a device busy: one for a GPU, one for each core of a CPU."""
    if mx.default_device().type != mx.DeviceType.cpu:
        return [mx.default_stream(mx.default_device())]
    return [mx.new_thread_local_stream(mx.cpu) for _ in range(usable_cores())]


def matmul_rates(size: int, times: int) -> dict[str, float]:
    """Multiply square matrices, on each core of a CPU at the same time; return FLOP/s by precision."""
    all_streams, rates = streams(), {}
    for dtype in (mx.bfloat16, mx.float32):
        left, right = (mx.random.normal((size, size)).astype(dtype) for _ in range(2))
        mx.eval(left, right, left @ right)
        start = time.perf_counter()
        mx.eval([mx.matmul(left, right, stream=stream) for _ in range(times) for stream in all_streams])
        seconds = time.perf_counter() - start
        rates[str(dtype).removeprefix("mlx.core.")] = 2 * size**3 * times * len(all_streams) / seconds
    return rates
