"""A checkpoint read without the library, so that what the library holds can be held against it."""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_checkpoint"]

_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
_PREFIX = "model."  # before the names of some decoders' weights, and not of others


def read_checkpoint(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Return every tensor of a model's folder by name, from one file or from shards.

    Floats come as float32, bfloat16 widened bit by bit; packed integers (U32) as they are. The format is
    an 8-byte length, a JSON header of that length, and the tensors' bytes:
    https://huggingface.co/docs/safetensors
    """
    found: dict[str, NDArray[np.generic]] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        found |= {name.removeprefix(_PREFIX): tensor for name, tensor in _read(path).items()}
    return found


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    found: dict[str, NDArray[np.generic]] = {}
    for name, tensor in header.items():
        count, offset = math.prod(tensor["shape"]), start + tensor["data_offsets"][0]
        values: NDArray[np.generic]
        if tensor["dtype"] == "U32":
            values = np.frombuffer(data, "<u4", count, offset)
        elif tensor["dtype"] == "BF16":
            values = (np.frombuffer(data, "<u2", count, offset).astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(data, _TYPES[tensor["dtype"]], count, offset).astype(np.float32)
        found[name] = values.reshape(tensor["shape"])
    return found
