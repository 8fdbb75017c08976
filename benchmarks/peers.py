"""Throughput beside other implementations, as ratios: ``make peers``.

Each engine runs in a process of its own (``peer_worker.py``), on the same texts, which no engine has seen
before; rounds are interleaved, so that a slow spell of the machine meets all of them. Ratios are those of
medians; absolute figures of a shared CPU are not worth quoting.
"""

import json
import os
import random
import statistics
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / ".venv-reference" / "bin" / "python"
ROUNDS = 7
SAME = 1e-4  # components; an engine that strays further does other work


@dataclass
class Engine:
    """A worker process."""

    name: str
    python: str
    engine: str
    environment: dict[str, str] = field(default_factory=dict)

    def __enter__(self) -> "Engine":
        self.process = subprocess.Popen(
            [self.python, "-m", "benchmarks.peer_worker", self.engine],
            cwd=ROOT,
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def run(self, texts: list[str]) -> dict[str, Any]:
        """Encode texts; return seconds, tokens and the first vectors."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the worker has no pipes")
        self.process.stdin.write(json.dumps(texts) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name}: the worker stopped; its error is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


def unique_texts(count: int, seed: int) -> list[str]:
    """Make texts of 5 to 40 words, none like another, from the words of the fixture."""
    lines = (ROOT / "fixtures" / "texts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    words = sorted(
        {word for row in rows if row["kind"] in ("sentence", "paragraph") for word in row["text"].split()}
    )
    generator = random.Random(seed)  # noqa: S311  (not for cryptography)
    return [" ".join(generator.choices(words, k=generator.randint(5, 40))) for _ in range(count)]


def compare(engines: list[Engine], count: int, rounds: int) -> None:
    """Print each engine's tokens/s as a ratio to the first engine's, and how far its vectors stray."""
    rates: dict[str, list[float]] = {engine.name: [] for engine in engines}
    strays = dict.fromkeys(rates, 0.0)
    for engine in engines:
        engine.run(unique_texts(32, seed=-1))  # warm-up, not counted
    for number in range(rounds):
        texts = unique_texts(count, seed=number)
        answers = {engine.name: engine.run(texts) for engine in engines}
        ours = next(iter(answers.values()))
        for name, answer in answers.items():
            if answer["tokens"] != ours["tokens"]:
                raise SystemExit(f"{name}: {answer['tokens']} tokens, {engines[0].name} has {ours['tokens']}")
            rates[name].append(answer["tokens"] / answer["seconds"])
            difference = np.abs(np.array(answer["vectors"]) - np.array(ours["vectors"])).max()
            strays[name] = max(strays[name], float(difference))
    print(f"\n{count} unique texts, {rounds} interleaved rounds, medians")
    print(f"{'engine':<44} {'tokens/s':>9} {engines[0].name + ' is':>12} {'strays by':>10}")
    median = statistics.median(rates[engines[0].name])
    for name, measured in rates.items():
        other = statistics.median(measured)
        print(f"{name:<44} {other:>9.0f} {median / other:>11.2f}x {strays[name]:>10.1e}")
    if too_far := [name for name, stray in strays.items() if not stray <= SAME]:
        raise SystemExit(f"not the same work: {', '.join(too_far)}")


def main() -> None:
    """Compare with the peers, then with this library on MLX's own BLAS."""
    ours = Engine("embedding-gate", sys.executable, "ours")
    peers = [
        Engine("sentence-transformers (torch, fp32)", str(REFERENCE), "sentence-transformers"),
        Engine("ONNX Runtime (fp32)", str(REFERENCE), "onnxruntime"),
    ]
    with ours, peers[0], peers[1]:
        compare([ours, *peers], 512, ROUNDS)
    slow = Engine(
        "embedding-gate on MLX's own BLAS", sys.executable, "ours", {"EMBEDDING_GATE_BLAS": "stock"}
    )
    with ours, slow:
        compare([ours, slow], 24, 3)


if __name__ == "__main__":
    main()
