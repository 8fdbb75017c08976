"""Runs batches through the model. Only this module and the steps of a long text evaluate MLX arrays."""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from importlib import metadata
from threading import current_thread, main_thread
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from embeddings.backend import CORE_STREAMS, mx, refuse_after_fork
from embeddings.batching import pad, shared_budget, token_batches
from embeddings.errors import InputError, MemoryWarning, OutOfMemory, warn
from embeddings.models import Decoder, Encoder
from embeddings.threads import Threads
from embeddings.tokens import TokenizedTexts

__all__ = ["BATCH_TOKENS", "SIDE_BY_SIDE", "Finish", "arithmetic", "forward", "run_batches"]

# Hidden states (B, T, D) and lengths (B,) -> the part of them that is kept.
Finish = Callable[[mx.array, mx.array], mx.array]
Rows = NDArray[np.int64]

_VERSIONS = " ".join(f"{name} {metadata.version(name)}" for name in ("mlx", "mlx-lm", "tokenizers"))

# The default number of tokens in a batch, by device, and by whether small batches are cheap for the model.
# On a CPU larger batches leave the cache of a core, and smaller ones make slower products. The embedded model
# with 512 tokens has this rate beside 256: 1.02 to 1.06 with OpenBLAS's kernels for AVX-512, 1.05 to 1.20
# with those for AVX2, 1.00 to 1.08 with MKL. With 640 it is 0.97 to 1.01. A quantized decoder unpacks all
# weights for each batch. A GPU needs many rows.
BATCH_TOKENS = {
    (mx.DeviceType.cpu, True): 512,
    (mx.DeviceType.cpu, False): 768,
    (mx.DeviceType.gpu, True): 16_384,
    (mx.DeviceType.gpu, False): 16_384,
}

# How many batches are computed side by side. MLX's CPU backend computes elementwise functions on one core
# only. So each core gets its own batch.
SIDE_BY_SIDE = {mx.DeviceType.cpu: len(CORE_STREAMS), mx.DeviceType.gpu: 1}

# A thread that computes has streams of its own. So only a few threads do.
_THREADS = Threads(min(4, len(CORE_STREAMS)))


def run_batches(
    model: Encoder | Decoder,
    tokens: TokenizedTexts,
    finish: Finish,
    *,
    name: str,
    batch_tokens: int | None = None,
    show_progress_bar: bool = False,
) -> Iterator[tuple[Rows, NDArray[np.float32]]]:
    """Yield for each batch the indices of its texts (B,) and the result of ``finish``, in host memory.

    If a batch does not fit in memory, the token budget is halved. This is done once.

    name: the model's name, for error messages. batch_tokens, show_progress_bar: see ``Embedder.encode``.

    Raises:
        InputError: batch_tokens is not valid.
        OutOfMemory: the batch does not fit even after the token budget was halved.

    """
    refuse_after_fork()
    lengths, side_by_side = tokens.lengths, SIDE_BY_SIDE[mx.default_device().type]
    budget, halved = _budget(model, lengths, batch_tokens, side_by_side), False
    pending = deque(token_batches(lengths, budget))
    with tqdm(
        total=int(lengths.sum()), unit=" tokens", unit_scale=True, disable=not show_progress_bar
    ) as bar:
        while pending:
            group = [pending.popleft() for _ in range(min(side_by_side, len(pending)))]
            try:
                outputs = forward(model, tokens, group, finish)
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                size = f"{len(group)} batches of up to {len(group[0])} x {lengths[group[0][0]]} tokens"
                if halved:
                    raise _out_of_memory(name, size, budget, error) from error
                halved, budget = True, max(1, budget // 2)
                warn(MemoryWarning(f"{size} do not fit in memory ({error}): the budget is now {budget}"))
                left = np.concatenate([*group, *pending])
                pending = deque(left[batch] for batch in token_batches(lengths[left], budget))
                continue
            for rows, output in zip(group, outputs, strict=True):
                yield rows, output
                bar.update(int(lengths[rows].sum()))


def forward(
    model: Encoder | Decoder, tokens: TokenizedTexts, group: Sequence[Rows], finish: Finish
) -> list[NDArray[np.float32]]:
    """Compute some batches in parallel. Each batch is given by the indices (B,) of its texts."""
    on_cpu = mx.default_device().type == mx.DeviceType.cpu
    streams: list[Any] = CORE_STREAMS if on_cpu else [mx.gpu]

    def compute() -> list[NDArray[np.float32]]:
        outputs = []
        for rows, stream in zip(group, streams, strict=False):
            with mx.stream(stream):
                ids = mx.array(pad([tokens.ids[row] for row in rows]))
                real = mx.array(tokens.lengths[rows].astype(np.int32))
                outputs.append(finish(model(ids, real).astype(mx.float32), real))
        mx.eval(outputs)  # all in one call, so that MLX interleaves the operations of the streams
        return [np.array(output) for output in outputs]

    # The main thread lives as long as the process, and saves a tenth of the time when it computes itself.
    elsewhere = on_cpu and current_thread() is not main_thread()
    return _THREADS.run(compute) if elsewhere else compute()


def arithmetic() -> str:
    """Name what computes the batches: kind of device, versions of MLX and related packages, TF32 setting."""
    device, tf32 = mx.default_device().type, os.environ.get("MLX_ENABLE_TF32")
    return f"{device} {_VERSIONS} TF32 {tf32}"


def _budget(
    model: Encoder | Decoder, lengths: NDArray[np.int64], batch_tokens: int | None, side_by_side: int
) -> int:
    """Return the token budget of a batch: the caller's number, or the default of the device."""
    if batch_tokens is None:
        cheap = model.small_batches_are_cheap
        budget = BATCH_TOKENS[mx.default_device().type, cheap]
        return shared_budget(lengths, budget, side_by_side) if cheap and len(lengths) else budget
    if not isinstance(batch_tokens, int) or batch_tokens < 1:
        raise InputError(
            "batch_tokens",
            f"must be a whole number of at least 1, got {batch_tokens!r}",
            hint="leave it out for the default",
        )
    return batch_tokens


def _out_of_memory(name: str, size: str, budget: int, error: Exception) -> OutOfMemory:
    return OutOfMemory(
        name,
        f"{size} (budget {budget}) do not fit in memory ({error})",
        hint="set batch_tokens lower, or cut the texts",
    )


def _is_out_of_memory(error: Exception) -> bool:
    """Tell from the message whether memory ran out. MLX has no error class of its own for this."""
    return isinstance(error, MemoryError) or any(
        words in str(error) for words in ("malloc", "out of memory", "bad_alloc", "maximum allowed buffer")
    )
