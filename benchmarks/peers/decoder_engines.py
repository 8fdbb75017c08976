"""The engines of the decoder benchmark, and the models that they run."""

import json
import sys
from dataclasses import dataclass
from typing import Any

from embedding_gate.workers import Worker
from embeddings.backend import CHOICE_VARIABLE
from embeddings.synthetic import PREFIX, config_of

ENGINES = ("gate", "mlx-lm", "torch", "torch.compile")
NEEDS = {
    "gate": ("mlx",),
    "mlx-lm": ("mlx", "mlx-lm"),
    **dict.fromkeys(ENGINES[2:], ("torch", "transformers")),
}  # packages
TINY = {"hidden_size": 256, "num_hidden_layers": 3, "intermediate_size": 512, "vocab_size": 5000}


@dataclass(frozen=True)
class Engine:
    """How an engine is run.

    sampled: only models of one and of two layers are timed. texts: the number of texts of the batch that are
    used; None means all.
    """

    name: str
    which: str
    precision: str
    sampled: bool = False
    texts: int | None = None
    blas: str = "openblas"


def engines_for(on_cpu: bool) -> list[Engine]:
    """Return the engines of a device. The gate is the first."""
    if not on_cpu:
        return [Engine(name, name, "bfloat16") for name in ENGINES]
    return [
        Engine("gate", "gate", "float32"),
        Engine("gate, extrapolated", "gate", "float32", sampled=True),
        Engine("mlx-lm", "mlx-lm", "bfloat16", sampled=True, texts=1, blas="stock"),
        Engine("mlx-lm in float32", "mlx-lm", "float32", sampled=True, texts=1, blas="stock"),
        Engine("torch", "torch", "float32"),
    ]


def config_for(size: str) -> dict[str, Any]:
    """Return the config.json of a size, quantized to 4 bits. The size "tiny" is for trying the command."""
    if size == "tiny":
        return {**config_of(f"{PREFIX}qwen3-embedding-0.6b-4bit"), **TINY}
    return config_of(f"{PREFIX}qwen3-embedding-{size}-4bit")


def worker(engine: Engine, size: str, device: str, torch_python: str) -> Worker:
    """Return the worker of an engine. It loads only the layers that are timed."""
    config = config_for(size)
    if engine.sampled:
        config["num_hidden_layers"] = 2
    spec = {
        "config": config,
        "name": f"{PREFIX}qwen3-embedding-{size}-4bit",
        "precision": engine.precision,
        "device": device,
    }
    python = torch_python if engine.which.startswith("torch") else sys.executable
    return Worker(
        engine.name,
        "benchmarks.peers.decoder_worker",
        [engine.which, json.dumps(spec)],
        python,
        {CHOICE_VARIABLE: engine.blas},
        NEEDS[engine.which],
    )
