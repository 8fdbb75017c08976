"""A checkpoint read without the library, so that what the library holds can be held against it."""

import json
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

__all__ = ["read_checkpoint"]

_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}


def read_checkpoint(path: Path) -> dict[str, NDArray[np.float32]]:
    """Return every tensor of a safetensors file as float32 by name, bfloat16 widened bit by bit.

    The format is an 8-byte length, a JSON header of that length, and the tensors' bytes:
    https://huggingface.co/docs/safetensors
    """
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    found = {}
    for name, tensor in header.items():
        count, offset = math.prod(tensor["shape"]), start + tensor["data_offsets"][0]
        if tensor["dtype"] == "BF16":
            halves = np.frombuffer(data, "<u2", count, offset).astype(np.uint32)
            values = (halves << 16).view(np.float32)
        else:
            values = np.frombuffer(data, _TYPES[tensor["dtype"]], count, offset).astype(np.float32)
        found[name] = values.reshape(tensor["shape"])
    return found
