"""Reads a checkpoint without the library, so that the library's weights can be compared with it."""

import json
import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.declared import listed_modules
from embedding_gate.errors import FixtureError

__all__ = ["float_type", "read_checkpoint", "read_config", "read_dense", "rounded"]

_TYPES = {"F32": "<f4", "F16": "<f2", "I64": "<i8"}
_PACKED = {"U32": "<u4", "U8": "u1"}  # words of packed numbers, and the scales of MLX's float formats
_FLOATS = {"F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_PREFIX = re.compile(r"^(model|mpnet|roberta)\.")  # some checkpoints have it before the names of weights


def read_checkpoint(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Return every tensor of the model itself by name, from one file or from shards.

    Floats come as float32, bfloat16 widened bit by bit; packed integers as they are. The format is
    an 8-byte length, a JSON header of that length, and the tensors' bytes:
    https://huggingface.co/docs/safetensors
    """
    found: dict[str, NDArray[np.generic]] = {}
    for path in sorted(folder.glob("model*.safetensors")):
        found |= {_PREFIX.sub("", name): tensor for name, tensor in _read(path).items()}
    return found


def read_config(folder: Path) -> dict[str, Any]:
    """Return what config.json says; it names a model_type.

    Raises:
        FixtureError: it cannot be read.

    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return {"model_type": config["model_type"], **config}
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise FixtureError(path, f"malformed ({error!r})", hint="restore the file") from error


def read_dense(folder: Path) -> dict[str, NDArray[np.generic]]:
    """Return the tensors of the Dense modules that modules.json names: "2_Dense.linear.weight" -> float32.

    Raises:
        FixtureError: modules.json is malformed.

    """
    return {
        f"{path}.{name}": tensor
        for kind, path in listed_modules(folder)
        if kind == "Dense"
        for file in sorted((folder / path).glob("model*.safetensors"))
        for name, tensor in _read(file).items()
    }


def float_type(folder: Path) -> str:
    """Name the type of most float tensors in a model's folder: "float32", "bfloat16" ...

    Raises:
        FixtureError: a file is no checkpoint, or there is no float.

    """
    types: Counter[str] = Counter()
    for path in folder.glob("model*.safetensors"):
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = _header(path, file.read(min(length, path.stat().st_size)))
        types.update(tensor["dtype"] for tensor in header.values() if tensor["dtype"] in _FLOATS)
    if not types:
        raise FixtureError(folder, "no file of weights has a float", hint="fetch the files again")
    return _FLOATS[types.most_common(1)[0][0]]


def rounded(tensor: NDArray[np.generic], precision: str) -> NDArray[np.generic]:
    """Round floats to "float16" or "bfloat16", ties to even; whole numbers stay as they are."""
    if precision == "float32" or tensor.dtype != np.float32:
        return tensor
    if precision == "float16":
        return tensor.astype(np.float16).astype(np.float32)
    bits = tensor.view(np.uint32)
    odd = (bits >> np.uint32(16)) & np.uint32(1)
    return ((bits + np.uint32(0x7FFF) + odd) & np.uint32(0xFFFF0000)).view(np.float32)


def _header(path: Path, data: bytes) -> dict[str, Any]:
    """Return what a header says of each tensor.

    Raises:
        FixtureError: it is no header.

    """
    try:
        header: dict[str, Any] = json.loads(data)
        header.pop("__metadata__", None)
        if not all(isinstance(tensor["dtype"], str) for tensor in header.values()):
            raise ValueError("a tensor without a type")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixtureError(path, f"is no checkpoint ({error!r})", hint="fetch the file again") from error
    return header


def _read(path: Path) -> dict[str, NDArray[np.generic]]:
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = _header(path, data[8:start])
    found: dict[str, NDArray[np.generic]] = {}
    for name, tensor in header.items():
        try:
            found[name] = _tensor(data, start, tensor)
        except (ValueError, KeyError, TypeError, IndexError, OverflowError) as error:
            what = f"{name} is no tensor of it ({error!r})"
            raise FixtureError(path, what, hint="fetch the file again") from error
    return found


def _tensor(data: bytes, start: int, tensor: dict[str, Any]) -> NDArray[np.generic]:
    count, offset = math.prod(tensor["shape"]), start + tensor["data_offsets"][0]
    values: NDArray[np.generic]
    if tensor["dtype"] in _PACKED:
        values = np.frombuffer(data, _PACKED[tensor["dtype"]], count, offset)
    elif tensor["dtype"] == "BF16":
        values = (np.frombuffer(data, "<u2", count, offset).astype(np.uint32) << 16).view(np.float32)
    else:
        values = np.frombuffer(data, _TYPES[tensor["dtype"]], count, offset).astype(np.float32)
    return values.reshape(tensor["shape"])
