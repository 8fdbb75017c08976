"""Compares throughput with other implementations, as ratios: ``make peers``.

Each engine runs in its own process (``peer_worker.py``). All engines encode the same texts, and no engine has
seen these texts before. Rounds are interleaved, so a slow period of the machine affects all engines. A ratio
is the median of the ratios of the rounds. Its interval contains the true median with 98 % confidence. The
peak is the most memory that an engine's process had from its start, packages, weights and batches together.
Absolute figures of a shared CPU are not reliable enough to quote. ``make decoders`` has the peers of
decoders.
"""

import random
import statistics
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import metadata
from types import MappingProxyType
from typing import Any

import numpy as np

from benchmarks.harness.fresh import fixture_words
from benchmarks.harness.intervals import median_interval
from embedding_gate.errors import GateError
from embedding_gate.own_files import ROOT
from embedding_gate.workers import Worker

REFERENCE = ROOT / ".venv-reference" / "bin" / "python"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
ROUNDS = 7
SAME = 1e-4  # largest difference of a component; an engine beyond it does different work

NEEDS = {  # the packages that each engine of peer_worker.py needs
    "ours": ("mlx",),
    "sentence-transformers": ("sentence-transformers", "torch", "transformers"),
    "onnxruntime": ("onnxruntime", "tokenizers", "torch", "transformers"),
    "mlx-embeddings": ("mlx-embeddings", "mlx"),
}


def engine(
    name: str, python: str, which: str, environment: Mapping[str, str] = MappingProxyType({})
) -> Worker:
    """Return the worker of an engine of peer_worker.py."""
    return Worker(name, "benchmarks.peers.peer_worker", [which], python, environment, NEEDS[which])


def unique_texts(count: int, seed: int) -> list[str]:
    """Make different texts of 5 to 40 words from the words of the fixture."""
    generator = random.Random(seed)  # noqa: S311  (not for cryptography)
    return [" ".join(generator.choices(fixture_words(), k=generator.randint(5, 40))) for _ in range(count)]


@dataclass
class Measured:
    """What one engine did: tokens/s of each round, and the most of all rounds.

    peak: bytes that its process had. difference: of a component of its vectors from the first engine's.
    """

    rates: list[float] = field(default_factory=list)
    peak: int = 0
    difference: float = 0.0


def compare(engines: list[Worker], count: int, rounds: int) -> None:
    """Let all engines encode the same texts. Print what they did, and stop if one did other work."""
    for peer in engines:
        peer.ask(unique_texts(32, seed=-1))  # warm-up, not counted
    measured = {peer.name: Measured() for peer in engines}
    for number in range(rounds):
        texts = unique_texts(count, seed=number)
        add_round(measured, {peer.name: peer.ask(texts) for peer in engines})
    print(f"\n{count} unique texts, {rounds} interleaved rounds, medians")
    print("\n".join(table(measured)))
    for peer in engines:
        print(f"{peer.name}: {', '.join(f'{name} {version}' for name, version in peer.versions().items())}")
    if too_far := [name for name, one in measured.items() if not one.difference <= SAME]:
        raise SystemExit(f"not the same work: {', '.join(too_far)}")


def add_round(measured: Mapping[str, Measured], answers: Mapping[str, Any]) -> None:
    """Add one round's answers, the first engine's first."""
    first, ours = next(iter(answers.items()))
    for name, answer in answers.items():
        if answer["tokens"] != ours["tokens"]:
            raise SystemExit(f"{name}: {answer['tokens']} tokens, {first} has {ours['tokens']}")
        one = measured[name]
        one.rates.append(answer["tokens"] / answer["seconds"])
        one.peak = max(one.peak, answer["peak"])
        difference = np.abs(np.array(answer["vectors"]) - np.array(ours["vectors"])).max()
        one.difference = float(np.maximum(one.difference, difference))  # NaN stays


def table(measured: Mapping[str, Measured]) -> Iterator[str]:
    """Yield the lines: tokens/s, the ratio to the first engine, peak, and how far the vectors differ."""
    first, ours = next(iter(measured.items()))
    its_ratio = f"{first} is"
    yield f"{'engine':<36} {'tokens/s':>9} {its_ratio:>17} {'surely':>15} {'peak MiB':>9} {'difference':>11}"
    for name, one in measured.items():
        ratios = [mine / its for mine, its in zip(ours.rates, one.rates, strict=True)]
        low, high = median_interval(ratios)
        yield (
            f"{name:<36} {statistics.median(one.rates):>9.0f} {statistics.median(ratios):>16.2f}x "
            f"{f'{low:.2f} to {high:.2f}':>15} {one.peak / 2**20:>9,.0f} {one.difference:>11.1e}"
        )


def main() -> None:
    """Compare with the peers that use OpenBLAS and MKL, then with those on MLX's own BLAS, on fewer texts."""
    has_mkl = any(metadata.distributions(name="mkl"))  # the extra: embeddings/fast_blas.py takes it
    ours = engine("embedding-gate on MKL" if has_mkl else "embedding-gate", sys.executable, "ours")
    on_openblas = {"EMBEDDING_GATE_BLAS": "openblas"}
    peers = [
        *([engine("embedding-gate on OpenBLAS", sys.executable, "ours", on_openblas)] if has_mkl else []),
        engine("sentence-transformers (torch, fp32)", str(REFERENCE), "sentence-transformers"),
        engine("ONNX Runtime (fp32)", str(REFERENCE), "onnxruntime"),
    ]
    _compare_all([ours, *peers], 512)
    stock = {"EMBEDDING_GATE_BLAS": "stock"}
    slow = [
        engine("embedding-gate on MLX's own BLAS", sys.executable, "ours", stock),
        engine("mlx-embeddings", str(PEERS), "mlx-embeddings"),
    ]
    _compare_all([ours, *slow], 24)


def _compare_all(engines: list[Worker], count: int) -> None:
    with ExitStack() as stack:
        try:
            for one in engines:
                stack.enter_context(one)
            compare(engines, count, ROUNDS)
        except GateError as error:
            sys.exit(str(error))


if __name__ == "__main__":
    main()
