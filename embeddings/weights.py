"""Checkpoint weights: read from safetensors, each one accounted for.

A weight that is not loaded leaves random numbers in its place and one that nobody asks for hides a
changed architecture; both have shipped. So the file must hold exactly what the architecture names,
in exactly its shapes, but for the architecture's own list of weights that it does not use.
"""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError, safe_open

from embeddings.blas import mx
from embeddings.errors import DamagedModel, WeightMismatch

__all__ = ["read_weights"]

_FLOATS = ("F32", "F16", "BF16")


def read_weights(
    path: Path, shapes: Mapping[str, tuple[int, ...]], unused: frozenset[str]
) -> dict[str, mx.array]:
    """Return the weights of ``shapes`` (name -> shape) as evaluated float32 arrays.

    They are evaluated because an unevaluated array belongs to the thread that made it.

    Raises:
        DamagedModel: the file cannot be read.
        WeightMismatch: a weight is missing, left over (and not in ``unused``), or of another shape or type.

    """
    _account(path, shapes, unused)
    try:
        loaded = mx.load(str(path))
    except RuntimeError as error:
        raise DamagedModel(path, f"MLX cannot read it ({error})", mend="fetch the file again") from error
    assert isinstance(loaded, dict)  # what mx.load returns for safetensors; narrows its union type
    weights = {name: loaded[name].astype(mx.float32) for name in shapes}
    mx.eval(weights)
    return weights


def _account(path: Path, shapes: Mapping[str, tuple[int, ...]], unused: frozenset[str]) -> None:
    try:
        with safe_open(str(path), framework="numpy") as file:
            found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
            kinds = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in found.items()}
    except (OSError, SafetensorError) as error:
        raise DamagedModel(
            path, f"not a readable safetensors file ({error})", mend="fetch the file again"
        ) from error
    mend = "use the checkpoint that config.json belongs to"
    if missing := sorted(shapes.keys() - kinds.keys()):
        raise WeightMismatch(path, f"{len(missing)} weights missing, first {missing[0]!r}", mend=mend)
    if extra := sorted(kinds.keys() - shapes.keys() - unused):
        raise WeightMismatch(
            path, f"{len(extra)} weights that the model has no use for, first {extra[0]!r}", mend=mend
        )
    for name, expected in shapes.items():
        shape, kind = kinds[name]
        if shape != expected:
            raise WeightMismatch(path, f"{name} must have shape {expected}, got {shape}", mend=mend)
        if kind not in _FLOATS:
            raise WeightMismatch(path, f"{name} must be one of {', '.join(_FLOATS)}, got {kind}", mend=mend)
