"""Compares the fused trunk of Qwen3 with mlx-lm's layers on CUDA: ``python -m benchmarks.peers.fused``.

For each size and shape of batch it times, in interleaved rounds of new ids: mlx-lm's layers one after the
other (``layers``), the decoder as it is loaded, which chooses by the number of tokens, the fused trunk
started after every ``AHEAD`` layers, the fused one with one of its kernels or none (``joined only``), and
the fused one with other numbers of rows from which weights are unpacked. It prints medians of tokens/s, and
of the ratio to ``layers`` with its range. Before that it prints how far the vectors of each are from those
of ``layers`` and of float32 (0.6B). ``--pipeline`` also starts each batch before the one before it is read.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.harness.plan import batches
from benchmarks.peers import plain_kernels
from benchmarks.peers.decoder_engines import config_for
from benchmarks.peers.decoder_worker import _config_and_weights
from benchmarks.peers.figures import FreshIds
from embeddings.backend import mx
from embeddings.models import Decoder, cuda_kernels
from embeddings.models.fused_qwen3 import FusedQwen3
from embeddings.models.quantized import CROSSOVER, ManyRowsLinear, backend
from embeddings.pooling import last_token, normalize
from embeddings.synthetic import PREFIX

SHAPES = ((128, 128), (32, 128), (64, 32), (32, 32), (8, 16), (1, 16))
AHEAD = (0, 1, 2, 4, 7)
UNPACK = (256, 512, 1024, 2048)
KERNELS = ("heads", "add_norm", "swiglu")
AT_ONCE = 8  # batches that a pipeline runs
Walk = Callable[[mx.array], mx.array]


def build(size: str, precision: str) -> Decoder:
    """Make the synthetic decoder of a size."""
    spec = {
        "config": config_for(size),
        "name": f"{PREFIX}qwen3-embedding-{size}-4bit",
        "precision": precision,
        "device": "cpu" if backend() == "cpu" else "gpu",
    }
    return Decoder(*_config_and_weights(spec))


def unpadded(model: Decoder, ids: mx.array) -> mx.array:
    """Run a decoder on ids (B, T) that are all of real tokens."""
    return model(ids, mx.full((len(ids),), ids.shape[1], dtype=mx.int32))


def unpacking_from(rows: int, walk: Walk, layers: Sequence[ManyRowsLinear]) -> Walk:
    """Return the walk with weights unpacked from this number of rows."""

    def run(ids: mx.array) -> mx.array:
        for layer in layers:
            layer.least_size = rows * layer.scales.shape[1] * layer.group_size
        try:
            return walk(ids)
        finally:
            for layer in layers:
                layer.least_size = (CROSSOVER[backend()] or 0) * layer.scales.shape[1] * layer.group_size

    return run


def some_kernels(*names: str) -> Any:
    """Return CUDA's kernels of these names, and plain ones for the others."""
    return SimpleNamespace(
        **{name: getattr(cuda_kernels if name in names else plain_kernels, name) for name in KERNELS}
    )


def variants(model: Decoder) -> Iterator[tuple[str, Walk]]:
    """Yield mlx-lm's layers, the decoder as it is loaded, and each variant of the fused trunk."""
    separate = copy(model)
    separate.fused = None
    for name, decoder in (("layers", separate), ("as loaded", model)):
        yield name, partial(unpadded, decoder)
    fused = model.fused or FusedQwen3(model.trunk, some_kernels(*KERNELS))
    for names in ((), *((name,) for name in KERNELS)):
        part = copy(fused)
        part.kernels = some_kernels(*names)
        yield f"joined{' and ' * bool(names)}{' only' * (not names)}{''.join(names)}", part
    for ahead in AHEAD:
        yield f"fused, ahead {ahead}", partial(fused, ahead=ahead)
    parts = [part for layer in fused.layers for part in (layer.qkv, layer.gate_and_up, layer.out, layer.down)]
    layers = [part for part in parts if isinstance(part, ManyRowsLinear)]
    for rows in UNPACK if layers else ():
        yield f"fused, unpacked from {rows}", unpacking_from(rows, fused, layers)


def vectors(walk: Walk, ids: Any) -> mx.array:
    """Describe the vectors (B, D) of ids (B, T): last token, float32, length 1."""
    hidden = walk(mx.array(ids))
    lengths = mx.full((len(ids),), ids.shape[1], dtype=mx.int32)
    return normalize(last_token(hidden, lengths).astype(mx.float32))


def seconds(walk: Walk, batches: Sequence[Any], *, pipelined: bool) -> float:
    """Time batches one after the other, each read before the next, or after the next was started."""
    start, waiting = time.perf_counter(), []
    for ids in batches:
        waiting.append(vectors(walk, ids))
        if pipelined:
            mx.async_eval(waiting[-1])
        if len(waiting) > int(pipelined):
            np.array(waiting.pop(0))
    for left in waiting:
        np.array(left)
    return time.perf_counter() - start


def working(walks: dict[str, Walk], ids: Any) -> dict[str, Walk]:
    """Return the walks that run here; print why the others do not."""
    found = {}
    for name, walk in walks.items():
        try:
            mx.eval(vectors(walk, ids))
            found[name] = walk
        except (RuntimeError, ValueError) as error:
            print(f"{name} does not run: {error}", flush=True)
    return found


def parity(size: str, walks: dict[str, Walk], ids: Any, reference: Any) -> None:
    """Print how far the vectors of each walk are from those of mlx-lm's layers and from the reference."""
    layers = np.array(vectors(walks["layers"], ids))
    for name, walk in walks.items():
        found = np.array(vectors(walk, ids))
        print(f"{size:<5} {name:<40} apart from layers {np.abs(found - layers).max():.1e}", end="")
        if reference is not None:
            cosine = (found * reference).sum(axis=1).min()
            print(f", from float32 {np.abs(found - reference).max():.1e}, cosine {cosine:.6f}", end="")
        print(flush=True)


def run_shape(
    size: str, walks: dict[str, Walk], shape: tuple[int, int], fresh: FreshIds, options: argparse.Namespace
) -> dict[str, Any]:
    """Time all walks at one shape of batch, print and return the figures."""
    texts, tokens = shape
    count = AT_ONCE if options.pipeline else 1
    taken: dict[str, list[float]] = {}
    for number in range(-2, options.rounds):
        for name, walk in walks.items():
            for pipelined in (False, True) if options.pipeline else (False,):
                batches = [fresh(texts, tokens) for _ in range(count)]
                spent = seconds(walk, batches, pipelined=pipelined)
                if number >= 0:
                    taken.setdefault(f"{name}{', pipelined' if pipelined else ''}", []).append(spent)
    for name, each in taken.items():
        ratios = sorted(theirs / mine for theirs, mine in zip(taken["layers"], each, strict=True))
        rate = texts * tokens * count / median(each)
        line = f"{size:<5} {texts:>3} x {tokens:<4} {name:<42} {rate:>9,.0f} tokens/s {median(ratios):>6.2f}x"
        print(f"{line}  {ratios[0]:.2f} to {ratios[-1]:.2f}", flush=True)
    return {name: {"seconds": each} for name, each in taken.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print all sizes and shapes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.fused", description=__doc__)
    parser.add_argument("--sizes", default="0.6b,4b,8b")
    parser.add_argument("--batches", type=batches, default=SHAPES, help="as in 128x128,1x16")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--pipeline", action="store_true")
    parser.add_argument("--only", default="", help="variants whose name contains this, and mlx-lm's layers")
    parser.add_argument("--json", help="write every round's seconds here")
    options = parser.parse_args(arguments)
    record: dict[str, Any] = {}
    for size in options.sizes.split(","):
        fresh = FreshIds(config_for(size)["vocab_size"])
        ids, model = fresh(16, 100), build(size, "float32" if backend() == "cpu" else "bfloat16")
        reference = None
        if size == "0.6b":
            reference = np.array(vectors(build(size, "float32").trunk, ids))
        walks = dict(variants(model))
        walks = {name: walk for name, walk in walks.items() if name == "layers" or options.only in name}
        walks = working(walks, ids)
        parity(size, walks, ids, reference)
        for shape in options.batches:
            record[f"{size} {shape}"] = run_shape(size, walks, shape, fresh, options)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:  # noqa: PTH123
            json.dump(record, file)


if __name__ == "__main__":
    main()
