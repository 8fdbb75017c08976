"""The measurements that a device report consists of."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.harness.plan import default_models
from embeddings.errors import EmbeddingsError
from embeddings.folder import find_folder
from embeddings.models.quantized import backend

__all__ = ["Step", "command", "steps", "there"]

# Synthetic model -> the trained one with the same shape, which is measured in its place where it is there.
TRAINED = {
    f"synthetic:qwen3-embedding-{size.lower()}-4bit": f"Qwen3-Embedding-{size}-4bit-DWQ"
    for size in ("0.6B", "4B", "8B")
}
TINY = "fixtures/tiny-qwen3"


@dataclass(frozen=True)
class Step:
    """One command.

    arguments: after ``python -m``. record: the JSON that it writes in the report's folder, or "".
    minutes: it is stopped after that.
    """

    name: str
    arguments: Sequence[str]
    record: str
    minutes: float


def steps(folder: Path, *, small: bool) -> list[Step]:
    """Return the steps for the default device: 15 minutes at most.

    small: all commands in little, on the tiny model, to try the report itself.
    """
    gate = ["pytest", "-m", "quality or claims"]
    speed = ["pytest", "--benchmark-only", f"--report={folder / 'benchmarks'}"]
    crossover = ["benchmarks.micro.crossover", "--rounds", "3"]
    decoders = ["benchmarks.peers.decoders", "--json", str(folder / "decoders.json")]
    if small:
        gate = ["pytest", "-m", "quality", f"--model={TINY}", "-k", "test_norm"]
        speed += [f"--model={TINY}", "-k", "tokenization"]
        crossover += ["--layers", "64x128"]
        decoders += ["--sizes", "tiny", "--rows", "2", "--tokens", "16", "--rounds", "1", "--engines", "gate"]
    else:
        speed += [f"--model={there(name)}" for name in default_models()]
        decoders += ["--rounds", "3", "--engines", "gate,mlx-lm"]
    devices = ["cpu"] if backend() == "cpu" else ["gpu", "cpu"]
    gates = [
        Step(
            f"gate on the {device}",
            [*gate, f"--device={device}", f"--report={folder / f'gate-{device}'}"],
            f"gate-{device}/report.json",
            3,
        )
        for device in devices
    ]
    return [
        *gates,
        Step("crossover", crossover, "", 2),
        Step("decoders", decoders, "decoders.json", 4),
        Step("benchmarks", speed, "benchmarks/report.json", 3),
    ]


def there(name: str) -> str:
    """Return the trained model of a synthetic one's shape if its files are here, else the name."""
    if name not in TRAINED:
        return name
    try:
        find_folder(TRAINED[name])
    except EmbeddingsError:
        return name
    return TRAINED[name]


def command(step: Step) -> list[str]:
    """Return what runs a step."""
    return [sys.executable, "-m", *step.arguments]
