"""Compares throughput and latency of decoders with mlx-lm and torch, as ratios: ``make decoders``.

Each engine runs in its own process (``decoder_worker.py``). All engines encode the same random ids, and no
engine has seen these ids before. Rounds are interleaved, so a slow period of the machine affects all engines.
benchmarks/README.md explains each column.

On a CPU the model of mlx-lm would take an hour for a batch. So it is timed on one text with one layer and
with two layers, and the rest is extrapolated. The gate is also extrapolated once, in addition to its full
measurement, to show how accurate extrapolation is.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.harness.plan import MATMUL
from benchmarks.peers.decoder_engines import ENGINES, Engine, config_for, engines_for, worker
from benchmarks.peers.decoder_table import print_size, print_targets
from benchmarks.peers.figures import SIZES, TARGETS, FreshIds, Measured, device_class, extrapolate
from embedding_gate.errors import GateError, Unavailable
from embedding_gate.workers import Worker
from embeddings.backend import mx
from embeddings.models.quantized import backend

SHORT_TEXT = 16  # tokens


def time_batch(engine: Engine, running: Worker, ids: Any, layers: int) -> tuple[float, Any]:
    """Return the seconds of a batch and the first vectors. Sampled engines are extrapolated to all layers."""
    if not engine.sampled:
        answer = running.ask({"ids": ids})
        return float(answer["seconds"]), answer["vectors"]
    one, two = (running.ask({"ids": ids, "layers": count}) for count in (1, 2))
    return extrapolate(one["seconds"], two["seconds"], layers), two["vectors"]


def measure(
    workers: Mapping[Engine, Worker], config: Mapping[str, Any], options: argparse.Namespace
) -> tuple[dict[str, Measured], dict[str, float]]:
    """Measure the engines of one size in interleaved rounds.

    Return the measurements and the best matmul rates.
    """
    fresh, layers = FreshIds(config["vocab_size"]), config["num_hidden_layers"]
    measured = {engine.name: Measured(extrapolated=engine.sampled) for engine in workers}
    matmul: dict[str, float] = {}
    for number in range(-options.warm_ups, options.rounds):
        ids, firsts = fresh(options.rows, options.tokens), {}
        for engine, running in workers.items():
            mine = ids[: engine.texts].tolist()
            if number < 0:  # warm-up, not counted
                short = [text[:SHORT_TEXT] for text in mine[:1]]
                running.ask({"ids": short, "layers": 1} if engine.sampled else {"ids": mine})
                continue
            seconds, vectors = time_batch(engine, running, mine, layers)
            measured[engine.name].rates.append(len(mine) * options.tokens / seconds)
            firsts[engine] = np.array(vectors)
        for name, value in _cosines(firsts).items():
            measured[name].cosine = min(value, measured[name].cosine or 1.0)
        for precision, rate in next(iter(workers.values())).ask(options.matmul).items():
            matmul[precision] = max(rate, matmul.get(precision, 0.0))
    for number in range(-options.warm_ups, options.short_texts):
        ids = fresh(1, SHORT_TEXT).tolist()
        for engine, running in workers.items():
            if not engine.sampled:
                seconds, _ = time_batch(engine, running, ids, layers)
                measured[engine.name].latencies.extend([seconds] if number >= 0 else [])
    return measured, matmul


def _cosines(firsts: Mapping[Engine, Any]) -> dict[str, float]:
    """Return the smallest cosine of mlx-lm's vectors to the gate's vectors with as many layers."""
    gates = {engine.sampled: vectors for engine, vectors in firsts.items() if engine.which == "gate"}
    return {
        engine.name: float((gates[engine.sampled][: len(vectors)] * vectors).sum(axis=1).min())
        for engine, vectors in firsts.items()
        if engine.which == "mlx-lm"
    }


def run_size(size: str, options: argparse.Namespace) -> tuple[dict[str, Measured], dict[str, float]]:
    """Start the engines of one size, measure those that can run here, and end them.

    Raises:
        SystemExit: an engine that was named cannot run here.

    """
    with ExitStack() as stack:
        workers = {}
        for engine in engines_for(options.device == "cpu"):
            if engine.which not in (options.engines or _usual(options)):
                continue
            running = stack.enter_context(worker(engine, size, options.device, options.torch_python))
            try:
                running.versions()
            except Unavailable as error:
                if options.engines:
                    raise SystemExit(f"{engine.name}: {error.what}; leave it out of --engines") from error
                print(f"{engine.name} is left out: {error.what}", file=sys.stderr)
                continue
            workers[engine] = running
        measured, matmul = measure(workers, config_for(size), options)
    return measured, matmul


def _usual(options: argparse.Namespace) -> Sequence[str]:
    return ENGINES[:2] if options.device == "cpu" else ENGINES


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line, and fill in what the device decides."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.peers.decoders", description=__doc__)
    names = [*SIZES, "tiny"]
    parser.add_argument("--sizes", help=f"of {','.join(names)} (default: all three; on a CPU 0.6b)")
    parser.add_argument("--rows", type=int, help="texts of a batch (default: 128; on a CPU 8)")
    parser.add_argument("--tokens", type=int, default=128, help="of each text (default: 128)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default: 7; on a CPU 3)")
    parser.add_argument(
        "--engines",
        help="of gate,mlx-lm,torch,torch.compile (default: those that can run; on a CPU no torch)",
    )
    parser.add_argument(
        "--torch-python", default=sys.executable, metavar="PATH", help="interpreter with torch"
    )
    parser.add_argument("--cpu", action="store_true", help="on the CPU, where a GPU is there too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every round's figure here")
    options = parser.parse_args(arguments)
    on_cpu = options.cpu or backend() == "cpu"
    options.device = "cpu" if on_cpu else "gpu"
    options.sizes = (options.sizes or ("0.6b" if on_cpu else ",".join(SIZES))).split(",")
    options.engines = options.engines.split(",") if options.engines else None
    options.rows, options.rounds = (
        options.rows or (8 if on_cpu else 128),
        options.rounds or (3 if on_cpu else 7),
    )
    options.warm_ups, options.short_texts = (1, 3) if on_cpu else (2, 101)
    size, times = MATMUL["cpu" if on_cpu else backend()]
    options.matmul = {"matmul": size, "times": times}
    if unknown := set(options.sizes) - set(names):
        parser.error(f"--sizes: must be of {', '.join(names)}, got {', '.join(sorted(unknown))}")
    if options.engines and ("gate" not in options.engines or set(options.engines) - set(ENGINES)):
        parser.error(f"--engines: must be gate, and if you like others of {', '.join(ENGINES)}")
    if min(options.rows, options.tokens, options.rounds) < 1:
        parser.error("--rows, --tokens, --rounds: must be at least 1")
    return options


def device_name(device: str) -> str:
    """Return the name that the chip reports; ``device`` is "cpu" or "gpu"."""
    return str(mx.device_info(mx.cpu if device == "cpu" else mx.gpu).get("device_name", device))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and judge.

    Return 1 if a target was missed, a figure is impossible or an engine does different work.
    """
    options = parse(arguments)
    on_cpu = options.device == "cpu"
    name = device_name(options.device)
    chip = device_class("cpu" if on_cpu else backend(), name)
    record: dict[str, Any] = {"device": name, "batch": [options.rows, options.tokens], "sizes": {}}
    print(
        f"{name}: {options.rows} new texts x {options.tokens} tokens, "
        f"{options.rounds} interleaved rounds, medians"
    )
    wrong = False
    for size in options.sizes:
        measured, matmul = run_size(size, options)
        wrong |= print_size(size, config_for(size), options.tokens, measured, matmul)
        targets = [target for target in TARGETS if target.size == size and target.device == chip]
        wrong |= print_targets(targets, measured, chip, (options.rows, options.tokens))
        record["sizes"][size] = {
            "engines": {name: asdict(one) for name, one in measured.items()},
            "matmul": matmul,
        }
        if options.json:  # after each size, so that a stopped run keeps the results of the finished sizes
            options.json.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    return int(wrong)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GateError as error:
        sys.exit(str(error))
