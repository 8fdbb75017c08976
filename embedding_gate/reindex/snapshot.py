"""A snapshot: a model's vectors of the canaries, and what the model is. One safetensors file, no pickle.

https://huggingface.co/docs/safetensors describes the format. Texts and identity are JSON in its header.
"""

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from embedding_gate.data.encoded.manifest import replace_file
from embedding_gate.data.rows import content_hash
from embedding_gate.errors import FixtureError
from embedding_gate.reindex.canaries import PARTS, Canaries, Stored, of_rows
from embedding_gate.reindex.identity import Identity

__all__ = ["VERSION", "Snapshot", "read_snapshot", "write_snapshot"]

VERSION = "1"
_AGAIN = "take it again (embedding-gate snapshot FILE)"
T = TypeVar("T")


@dataclass(frozen=True)
class Snapshot:
    """A model's vectors.

    name: of the model, for the reader and for a server's requests; it is no part of the identity.
    vectors: part -> (n, D) float32, of the parts of the canaries.
    """

    name: str
    identity: Identity
    canaries: Canaries
    vectors: Mapping[str, NDArray[np.float32]]


def write_snapshot(path: Path, snapshot: Snapshot) -> None:
    """Write a snapshot.

    Raises:
        FixtureError: the file cannot be written, or vectors are not finite.

    """
    for name, vectors in snapshot.vectors.items():
        _check_finite(path, name, vectors, hint="correct the model first: make quality")
    tensors = {name: np.ascontiguousarray(of, dtype="<f4") for name, of in snapshot.vectors.items()}
    header = {
        "version": VERSION,
        "name": snapshot.name,
        "identity": msgspec.json.encode(snapshot.identity).decode(),
        "canaries": msgspec.json.encode(snapshot.canaries.stored()).decode(),
        "vectors": _digest(tensors),
    }
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(save(tensors, metadata=header))
        replace_file(part, path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise FixtureError(path, f"cannot be written ({error.strerror})", hint="name another file") from error


def read_snapshot(path: Path) -> Snapshot:
    """Read a snapshot. The canaries of a user's own texts have their hash only, and no texts.

    Raises:
        FixtureError: the file cannot be read, is damaged, is of another version, holds vectors that are not
            finite or of unequal dimensions, or texts that are not those of their hash.

    """
    if not path.is_file():
        raise FixtureError(path, "no such file", hint="take a snapshot first (embedding-gate snapshot FILE)")
    try:
        with safe_open(path, "np") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, SafetensorError, TypeError, ValueError) as error:
        raise FixtureError(path, f"is damaged ({error})", hint=_AGAIN) from error
    if "version" not in header or "canaries" not in header:
        raise FixtureError(path, "is no snapshot", hint="name a file that embedding-gate snapshot wrote")
    if header["version"] != VERSION:
        what = f"is a snapshot of version {header['version']}, and this gate reads version {VERSION}"
        raise FixtureError(path, what, hint=_AGAIN)
    identity = _decoded(path, header, "identity", Identity)
    stored = _decoded(path, header, "canaries", dict[str, Stored])
    _check_vectors(path, identity, stored, tensors)
    if header.get("vectors") != _digest(tensors):
        raise FixtureError(path, "is damaged (its vectors are not those of their hash)", hint=_AGAIN)
    return Snapshot(header.get("name", ""), identity, _canaries(path, stored, tensors), tensors)


def _decoded(path: Path, header: Mapping[str, str], name: str, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(header.get(name, ""), type=kind)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FixtureError(path, f"is damaged ({name}: {error})", hint=_AGAIN) from error


def _check_vectors(
    path: Path, identity: Identity, stored: Mapping[str, Stored], tensors: Mapping[str, NDArray[np.float32]]
) -> None:
    expected = [part for of in PARTS if of in stored for part in PARTS[of]]
    if not expected or sorted(expected) != sorted(tensors):
        what = (
            f"is damaged (holds vectors of {', '.join(tensors) or 'nothing'}, texts of {', '.join(expected)})"
        )
        raise FixtureError(path, what, hint=_AGAIN)
    for name, vectors in tensors.items():
        if vectors.ndim != 2 or vectors.dtype != np.float32 or vectors.shape[1] != identity.dimensions:
            shape = " x ".join(map(str, vectors.shape))
            what = f"holds {name} of {shape} {vectors.dtype}, and says {identity.dimensions} dimensions"
            raise FixtureError(path, what, hint=_AGAIN)
        _check_finite(path, name, vectors, hint=_AGAIN)


def _check_finite(path: Path, name: str, vectors: NDArray[np.float32], *, hint: str) -> None:
    bad = ~np.isfinite(vectors).all(axis=1)
    if bad.any():
        what = f"{name}: the vector of text {int(bad.argmax()) + 1} holds NaN or infinity"
        raise FixtureError(path, what, hint=hint)


def _canaries(
    path: Path, stored: Mapping[str, Stored], tensors: Mapping[str, NDArray[np.float32]]
) -> Canaries:
    try:
        canaries = of_rows(stored)
        counts = {name: part.count for name, part in canaries.parts.items()}
    except (ValueError, KeyError, TypeError) as error:
        raise FixtureError(path, f"is damaged (its texts: {error!r})", hint=_AGAIN) from error
    for name, of in stored.items():
        if of.rows is None:
            continue
        if content_hash(map(tuple, of.rows)) != of.sha256:
            raise FixtureError(path, f"its {name} are other texts than their hash says", hint=_AGAIN)
        for part in PARTS[name]:
            if counts[part] != len(tensors[part]):
                what = f"is damaged ({counts[part]} texts and {len(tensors[part])} vectors of {part})"
                raise FixtureError(path, what, hint=_AGAIN)
    return canaries


def _digest(tensors: Mapping[str, NDArray[np.float32]]) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        digest.update(name.encode() + repr(tensors[name].shape).encode() + tensors[name].tobytes())
    return digest.hexdigest()
