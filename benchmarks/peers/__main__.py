"""Compares throughput with other implementations, as ratios: ``make peers``.

Each engine runs in its own process (``peer_worker.py``). All engines encode the same texts, and no engine has
seen these texts before. Rounds are interleaved, so a slow period of the machine affects all engines. A ratio
is the median of the ratios of the rounds. Its interval contains the true median with 98 % confidence.
Absolute figures of a shared CPU are not reliable enough to quote. ``make decoders`` has the peers of
decoders.
"""

import random
import statistics
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from types import MappingProxyType

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


def compare(engines: list[Worker], count: int, rounds: int) -> None:
    """Print the tokens/s of each engine, the ratio to the first engine, and how far its vectors differ."""
    rates: dict[str, list[float]] = {peer.name: [] for peer in engines}
    strays = dict.fromkeys(rates, 0.0)
    for peer in engines:
        peer.ask(unique_texts(32, seed=-1))  # warm-up, not counted
    for number in range(rounds):
        texts = unique_texts(count, seed=number)
        answers = {peer.name: peer.ask(texts) for peer in engines}
        ours = next(iter(answers.values()))
        for name, answer in answers.items():
            if answer["tokens"] != ours["tokens"]:
                raise SystemExit(f"{name}: {answer['tokens']} tokens, {engines[0].name} has {ours['tokens']}")
            rates[name].append(answer["tokens"] / answer["seconds"])
            difference = np.abs(np.array(answer["vectors"]) - np.array(ours["vectors"])).max()
            strays[name] = max(strays[name], float(difference))
    print(f"\n{count} unique texts, {rounds} interleaved rounds, medians")
    print(f"{'engine':<44} {'tokens/s':>9} {engines[0].name + ' is':>17} {'surely':>15} {'strays by':>10}")
    for name, measured in rates.items():
        ratios = [mine / its for mine, its in zip(rates[engines[0].name], measured, strict=True)]
        low, high = median_interval(ratios)
        print(
            f"{name:<44} {statistics.median(measured):>9.0f} {statistics.median(ratios):>16.2f}x "
            f"{f'{low:.2f} to {high:.2f}':>15} {strays[name]:>10.1e}"
        )
    for peer in engines:
        print(f"{peer.name}: {', '.join(f'{name} {version}' for name, version in peer.versions().items())}")
    if too_far := [name for name, stray in strays.items() if not stray <= SAME]:
        raise SystemExit(f"not the same work: {', '.join(too_far)}")


def main() -> None:
    """Compare with the peers that use OpenBLAS and MKL, then with those on MLX's own BLAS, on fewer texts."""
    ours = engine("embedding-gate", sys.executable, "ours")
    peers = [
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
