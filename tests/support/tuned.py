"""Model folders that are made from the embedded model."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from embedding_gate.adapter import find

__all__ = ["MODEL", "copied", "halved", "noisy"]

MODEL = "all-MiniLM-L6-v2"
Weights = dict[str, NDArray[np.generic]]


def copied(folder: Path, change: Callable[[Weights], Weights] | None = None) -> Path:
    """Copy the folder of the embedded model, with other weights."""
    shutil.copytree(find(MODEL), folder)
    if change is not None:
        save_file(change(load_file(folder / "model.safetensors")), folder / "model.safetensors")
    return folder


def noisy(weights: Weights) -> Weights:
    """Add noise of a standard deviation of 1e-3 to each weight."""
    draw = np.random.default_rng(0)
    return {
        name: of + draw.normal(0, 1e-3, of.shape).astype(of.dtype) if of.dtype == np.float32 else of
        for name, of in weights.items()
    }


def halved(weights: Weights) -> Weights:
    """Store each weight in 16 bits."""
    return {name: of.astype(np.float16) if of.dtype == np.float32 else of for name, of in weights.items()}
