"""Reads checkpoint weights from safetensors and checks each one.

A weight that is not loaded leaves random numbers in its place. A weight that nobody uses can hide a changed
architecture. Both errors have been in released software. So the files must hold exactly the weights that the
architecture names, in exactly its shapes. Only weights on the architecture's list of unused weights may be
there too.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from embeddings.backend import mx
from embeddings.errors import DamagedModel, WeightMismatch
from embeddings.folder import WEIGHTS_FILE, ModelFolder

__all__ = ["in_host_memory", "read_weights", "stored_names", "weight_files"]

INDEX_FILE = f"{WEIGHTS_FILE}.index.json"
_SHARDS = "model-*-of-*.safetensors"  # the names that transformers and mlx-lm give to shards
_FLOATS, _PACKED = ("F32", "F16", "BF16"), ("U32", "U8")
_MEND = "use the checkpoint that config.json belongs to"


def weight_files(folder: ModelFolder) -> list[Path]:
    """Return the files that hold a model's weights: one, or the shards that an index names.

    Raises:
        DamagedModel: both are missing, the index is malformed or names a file that does not exist, or the
            folder holds two sets of weights that differ.

    """
    one, index = folder.path / WEIGHTS_FILE, folder.path / INDEX_FILE
    shards = set(folder.path.glob(_SHARDS))
    if index.exists() and not one.exists():
        named = [folder.file(name) for name in _named_shards(folder)]
        if others := sorted(shards - set(named)):
            raise DamagedModel(
                index, f"does not name {others[0].name}, which lies beside it", hint="remove the wrong one"
            )
        return named
    if one.exists() and shards and not _same(_load(one), _load_all(shards)):
        raise DamagedModel(
            folder.path,
            f"{WEIGHTS_FILE} and {min(shards).name} hold weights that differ",
            hint="remove the files that are not the model's",
        )
    return [folder.file(WEIGHTS_FILE)]


def _named_shards(folder: ModelFolder) -> list[str]:
    shards = folder.mapping(INDEX_FILE).get("weight_map")
    names = set(shards.values()) if isinstance(shards, dict) else set()
    if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
        raise DamagedModel(
            folder.path / INDEX_FILE, "weight_map must name files of this folder", hint="fetch the file again"
        )
    return sorted(names)


def _same(one: Mapping[str, mx.array], other: Mapping[str, mx.array]) -> bool:
    return one.keys() == other.keys() and all(
        weight.dtype == other[name].dtype and bool(mx.array_equal(weight, other[name], equal_nan=True))
        for name, weight in one.items()
    )


def _load_all(files: Collection[Path]) -> dict[str, mx.array]:
    return {name: weight for path in files for name, weight in _load(path).items()}


def read_weights(
    files: Collection[Path],
    shapes: Mapping[str, tuple[int, ...]],
    unused: frozenset[str],
    *,
    packed: Collection[str] = (),
    optional_prefix: str = "",
    precision: mx.Dtype | None = mx.float32,
) -> dict[str, mx.array]:
    """Return the weights of ``shapes`` (name -> shape) as evaluated arrays.

    They are evaluated because an unevaluated array belongs to the thread that made it.

    packed: names of quantized weights. They are integers and stay as they are.
    optional_prefix: some checkpoints put it before each name, others do not.
    precision: of the other weights. None keeps the precision of the file.

    Raises:
        DamagedModel: a file cannot be read.
        WeightMismatch: a weight is missing, unexpected (and not in ``unused``), there twice, or has another
            shape or type.

    """
    where = min(files) if len(files) == 1 else min(files).parent
    kinds: dict[str, tuple[tuple[int, ...], str]] = {}
    loaded: dict[str, mx.array] = {}
    for path in files:
        for name, kind in _kinds(path).items():
            plain = name.removeprefix(optional_prefix)
            if plain in kinds:
                raise WeightMismatch(path, f"{name} is there twice", hint=_MEND)
            kinds[plain] = kind
        loaded |= {name.removeprefix(optional_prefix): weight for name, weight in _load(path).items()}
    _account(where, kinds, shapes, unused, packed)
    weights = {}
    for name in shapes:
        weight = loaded.pop(name)
        weights[name] = weight if name in packed or precision is None else weight.astype(precision)
        mx.eval(weights[name])  # one at a time: of what the file holds, only one is in memory twice
    return weights


def stored_names(files: Collection[Path], *, optional_prefix: str = "") -> set[str]:
    """Return the names of the weights in some files, each without the prefix if it has it.

    Raises:
        DamagedModel: a file cannot be read.

    """
    return {name.removeprefix(optional_prefix) for path in files for name in _kinds(path)}


def _load(path: Path) -> dict[str, mx.array]:
    try:
        loaded = mx.load(str(path))
    except RuntimeError as error:
        raise DamagedModel(path, f"MLX cannot read it ({error})", hint="fetch the file again") from error
    assert isinstance(loaded, dict)  # mx.load returns a dict for safetensors; this narrows its union type
    return loaded


def _kinds(path: Path) -> dict[str, tuple[tuple[int, ...], str]]:
    """Return name -> shape and type of the weights that a file's header declares."""
    try:
        with safe_open(str(path), framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            return {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in found.items()}
    except (OSError, SafetensorError) as error:
        raise DamagedModel(
            path, f"not a readable safetensors file ({error})", hint="fetch the file again"
        ) from error


def _account(
    where: Path,
    kinds: Mapping[str, tuple[tuple[int, ...], str]],
    shapes: Mapping[str, tuple[int, ...]],
    unused: frozenset[str],
    packed: Collection[str],
) -> None:
    if missing := sorted(shapes.keys() - kinds.keys()):
        raise WeightMismatch(where, f"{len(missing)} weights missing, first {missing[0]!r}", hint=_MEND)
    if extra := sorted(kinds.keys() - shapes.keys() - unused):
        raise WeightMismatch(
            where, f"{len(extra)} weights that the model has no use for, first {extra[0]!r}", hint=_MEND
        )
    for name, expected in shapes.items():
        shape, kind = kinds[name]
        if shape != expected:
            raise WeightMismatch(where, f"{name} must have shape {expected}, got {shape}", hint=_MEND)
        allowed = _PACKED if name in packed else _FLOATS
        if kind not in allowed:
            raise WeightMismatch(where, f"{name} must be one of {', '.join(allowed)}, got {kind}", hint=_MEND)


def in_host_memory(weight: mx.array) -> NDArray[Any]:
    """Copy a weight to NumPy: floats as float32 (NumPy has no bfloat16), packed integers as they are."""
    return np.array(weight if weight.dtype in (mx.uint32, mx.uint8) else weight.astype(mx.float32))
