"""The tiny random checkpoints of fixtures/families, as ordinary model folders, and their goldens."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from embedding_gate import own_files
from embeddings.backend import mx
from tests.support.tiny import edit_json, write_json

FAMILY_FILES = own_files.FIXTURES / "families"
ENCODERS = ("mpnet", "xlm-roberta", "modernbert", "gemma3-both-ways", "nomic")  # the files of encoders


def read(name: str) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, NDArray[np.float32]]]:
    """Return a family's config.json, its goldens, and its weights by their names in the trunk."""
    with safe_open(FAMILY_FILES / f"{name}.safetensors", "numpy") as file:
        config = json.loads(file.metadata()["config.json"])
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (not a dict)
    weights = {
        key.removeprefix("weights."): tensor.astype(np.float32)
        for key, tensor in tensors.items()
        if key.startswith("weights.")
    }
    return config, tensors, weights


def build(folder: Path, name: str, *, pooling: str = "lasttoken", **changes: Any) -> Path:
    """Write a family's checkpoint as an ordinary model folder; None takes a key of config.json out."""
    config, _, weights = read(name)
    shutil.copytree(own_files.FIXTURES / "tiny-qwen3", folder)
    write_json(folder / "config.json", config)
    edit_json(folder / "config.json", **changes)
    chosen = {"pooling_mode_lasttoken": None, f"pooling_mode_{pooling}": True}
    edit_json(folder / "1_Pooling" / "config.json", word_embedding_dimension=config["hidden_size"], **chosen)
    save_file(weights, folder / "model.safetensors")
    return folder


def differences(name: str, run: Callable[[mx.array, mx.array], mx.array], length: int) -> tuple[float, float]:
    """Run a function of ids (1, T) and lengths (1,) on the golden ids of a length.

    Returns the largest difference of a hidden state from the goldens, and the goldens' root mean square.
    """
    _, golden, _ = read(name)
    hidden = np.array(run(mx.array(golden[f"ids.{length}"][None]), mx.array([length])))[0]
    right = golden[f"hidden.{length}"].astype(np.float64)
    strays = np.abs(hidden[golden[f"positions.{length}"]] - right).max()
    return float(strays), float(np.sqrt(np.square(right).mean()))
