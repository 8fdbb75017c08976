"""Opens what the gate judges, and runs the gate's own tests on it outside pytest.

The proof of power runs the very functions that judge a pull request, not copies of them.
"""

import importlib
import io
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import embeddings
import tests.quality
from embeddings.catalog import CATALOG
from embeddings.evaluation.datasets import Golden, Texts, identify, read_golden, read_texts
from embeddings.evaluation.gate import Gate, read_thresholds
from embeddings.evaluation.subject import Subject

ROOT = Path(__file__).resolve().parents[1]
FIXTURES = ROOT / "fixtures"

GateTest = Callable[[Subject, Gate], None]


@cache
def texts() -> Texts:
    """Read the gate's texts."""
    return read_texts(FIXTURES / "texts.jsonl")


@cache
def golden(model: str) -> Golden | None:
    """Read a model's goldens."""
    return read_golden(FIXTURES / "golden", model, texts())


def open_subject(model: str, *, variant: str = "") -> Subject:
    """Load a model for judgement. ``variant`` is what tests/elsewhere.py must do to be like this process."""
    encoder = embeddings.load(model)
    name = model if model in CATALOG else identify(Path(model), FIXTURES / "golden")
    where = model if model in CATALOG else str(Path(model).resolve())  # the new process starts elsewhere

    def encode_elsewhere(some: list[str]) -> NDArray[np.float32]:
        done = subprocess.run(
            [sys.executable, "-m", "tests.elsewhere", where, variant],
            input=json.dumps(some).encode(),
            capture_output=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"the new process failed: {done.stderr.decode().strip().splitlines()[-1]}")
        vectors: NDArray[np.float32] = np.load(io.BytesIO(done.stdout), allow_pickle=False)
        return vectors

    return Subject(name, encoder, texts(), golden(name), encode_elsewhere)


def open_gate(model: str) -> Gate:
    """Make a gate with the bars that bind a model."""
    return Gate(model, read_thresholds(FIXTURES / "thresholds.toml", model=model, fixture=texts().sha256))


def gate_tests() -> Iterator[tuple[str, GateTest]]:
    """Yield the name and function of each test of the gate."""
    for module in pkgutil.iter_modules(tests.quality.__path__, "tests.quality."):
        for name, function in list(vars(importlib.import_module(module.name)).items()):
            if name.startswith("test_"):
                yield name, function


def run_gate(subject: Subject, gate: Gate) -> None:
    """Run every test of the gate; the verdicts are in the gate afterwards."""
    for name, test in gate_tests():
        try:
            with gate.claim(name):
                test(subject, gate)
        except Exception:  # noqa: BLE001, S112  (the gate has recorded it as a verdict)
            continue
