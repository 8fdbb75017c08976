"""The measurements that a device report consists of."""

import sys
from collections.abc import Iterator, Sequence
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

    Each model has a step of its own, so that a slow one costs only its own figures.
    small: all commands in little, on the tiny model, to try the report itself.
    """
    device = backend()
    crossover = ["benchmarks.micro.crossover", "--rounds", "3"]
    return [
        *_gates(folder, device, small=small),
        Step("crossover", [*crossover, *(["--layers", "64x128"] if small else [])], "", 2),
        *_decoders(folder, device, small=small),
        *_benchmarks(folder, device, small=small),
    ]


def _gates(folder: Path, device: str, *, small: bool) -> Iterator[Step]:
    """Yield the gate on the GPU, if there is one, and on the CPU. The claims are judged once."""
    marked = {"cpu": 3.0} if device == "cpu" else {"gpu": 2.5, "cpu": 2.0}
    for number, (on, minutes) in enumerate(marked.items()):
        which = "quality" if number or small else "quality or claims"
        some = [f"--model={TINY}", "-k", "test_norm"] if small else []
        report = f"gate-{on}"
        arguments = ["pytest", "-m", which, *some, f"--device={on}", f"--report={folder / report}"]
        yield Step(f"gate on the {on}", arguments, f"{report}/report.json", minutes)


def _decoders(folder: Path, device: str, *, small: bool) -> Iterator[Step]:
    """Yield each size beside mlx-lm. A Mac gets batches of 8 texts, as a CPU does; CUDA gets 128."""
    if small:
        sizes, how = {"tiny": 4.0}, "--rows 2 --tokens 16 --rounds 1 --engines gate"
    else:
        sizes = {"0.6b": 4.0} if device == "cpu" else {"0.6b": 1.0, "4b": 1.5, "8b": 1.5}
        how = "--rounds 3 --engines gate,mlx-lm" + (" --rows 8" if device == "metal" else "")
    for size, minutes in sizes.items():
        record = f"decoders-{size}.json"
        arguments = [
            "benchmarks.peers.decoders",
            "--sizes",
            size,
            *how.split(),
            "--json",
            str(folder / record),
        ]
        yield Step(f"decoders of {size}", arguments, record, minutes)


def _benchmarks(folder: Path, device: str, *, small: bool) -> Iterator[Step]:
    """Yield the benchmarks of each default model."""
    limits = (3.0, 3.0) if device == "cpu" else (1.0, 1.5, 2.0)
    models = [TINY] if small else [there(name) for name in default_models()]
    some = ["-k", "tokenization"] if small else []
    for number, (model, minutes) in enumerate(zip(models, limits, strict=False), start=1):
        report = f"benchmarks-{number}"
        arguments = ["pytest", "--benchmark-only", f"--model={model}", *some, f"--report={folder / report}"]
        yield Step(f"benchmarks of {model}", arguments, f"{report}/report.json", minutes)


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
