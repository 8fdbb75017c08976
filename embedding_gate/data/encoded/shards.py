"""Shards: safetensors files with the vectors of some texts and their ids.

A shard holds ``vectors`` (n, D), and the ids: ``ids``, their UTF-8 bytes one after another, and ``ends``
(n,), where each ends. Its metadata says to which plan it belongs, and has the hash of its content.
"""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from embedding_gate.data.encoded.manifest import Manifest, regular, replace_file
from embedding_gate.errors import FixtureError, InputError

__all__ = ["Label", "Shards", "file_sha256", "name_of", "part_of", "read_label", "read_shard", "write_shard"]

KEY = "embedding-gate"  # of the metadata
TYPES = {"float32": "F32", "float16": "F16"}
HINT = "run encode again: it makes this shard anew"
Vectors = NDArray[np.floating]


class Label(msgspec.Struct, forbid_unknown_fields=True):
    """The metadata of a shard. content: SHA-256 of vectors and ids. The rest is as in the manifest."""

    plan: str
    number: int
    content: str
    tokens: int
    cut: int


def name_of(number: int) -> str:
    """Return the name of a shard's file. No file is read by another name."""
    return f"shard-{number:06}.safetensors"


def part_of(number: int) -> str:
    """Return the name of a shard's file while it is written."""
    return f".{name_of(number)}.part"


def write_shard(
    folder: Path, plan: str, number: int, ids: Sequence[str], vectors: Vectors, *, tokens: int, cut: int
) -> None:
    """Write a shard: wholly or not at all.

    Raises:
        InputError: the folder cannot be written.

    """
    names = [name.encode() for name in ids]
    joined = np.frombuffer(b"".join(names), dtype=np.uint8)
    tensors = {
        "vectors": vectors,
        "ids": joined,
        "ends": np.cumsum([len(name) for name in names], dtype=np.int64),
    }
    label = Label(plan, number, _content(tensors), tokens, cut)
    part = folder / part_of(number)
    try:
        part.write_bytes(save(tensors, metadata={KEY: msgspec.json.encode(label).decode()}))
        replace_file(part, folder / name_of(number))
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        hint = "free space, then run the same command again"
        raise InputError(folder / name_of(number), f"cannot be written ({error})", hint=hint) from error


def read_label(folder: Path, manifest: Manifest, number: int) -> Label:
    """Read the label of a shard, and check the header of its file.

    Raises:
        FixtureError: the file is missing, or is not this shard of this plan.

    """
    path = folder / name_of(number)
    size = regular(path)
    with _opened(path) as file:
        try:
            label = msgspec.json.decode((file.metadata() or {}).get(KEY, ""), type=Label)
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise FixtureError(path, f"is no shard ({error})", hint=HINT) from error
        found = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118  (not a dict)
        kinds = {name: (part.get_dtype(), list(part.get_shape())) for name, part in found.items()}
    count = manifest.shards[number].count
    bytes_of_ids = kinds.get("ids", ("", [0]))[1]
    expected = {
        "vectors": (TYPES[manifest.dtype], [count, manifest.dimension]),
        "ids": ("U8", bytes_of_ids),
        "ends": ("I64", [count]),
    }
    if (label.plan, label.number) != (manifest.plan, number):
        raise FixtureError(path, "is a shard of another run, or has another number", hint=HINT)
    if kinds != expected or len(bytes_of_ids) != 1 or bytes_of_ids[0] > size:
        raise FixtureError(path, f"does not hold {count} vectors of width {manifest.dimension}", hint=HINT)
    return label


def read_shard(folder: Path, manifest: Manifest, number: int) -> tuple[list[str], Vectors]:
    """Return the ids and the vectors (n, D) of a shard.

    Raises:
        FixtureError: it is not this shard of this plan, or its content is not what was written.

    """
    label, path = read_label(folder, manifest, number), folder / name_of(number)
    with _opened(path) as file:
        tensors = {name: file.get_tensor(name) for name in ("vectors", "ids", "ends")}
    if _content(tensors) != label.content:
        raise FixtureError(path, "does not hold what was written", hint=HINT)
    joined, ends = tensors["ids"].tobytes(), tensors["ends"].tolist()
    starts = [0, *ends[:-1]]
    try:
        ids = [joined[start:end].decode() for start, end in zip(starts, ends, strict=True)]
    except UnicodeDecodeError as error:
        raise FixtureError(path, f"has an id that is no text ({error.reason})", hint=HINT) from error
    return ids, tensors["vectors"]


@dataclass(frozen=True)
class Shards:
    """The vectors of a folder, one shard in memory at a time: (N, D) in all."""

    folder: Path
    manifest: Manifest

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        return self.manifest.count, self.manifest.dimension

    def __len__(self) -> int:
        """N."""
        return self.manifest.count

    def __iter__(self) -> Iterator[Vectors]:
        """Yield the vectors of one shard after another, (n, D) float32 each.

        Raises:
            FixtureError: see read_shard.

        """
        for number in range(len(self.manifest.shards)):
            yield self._vectors(number)

    def __getitem__(self, rows: NDArray[np.int64]) -> Vectors:
        """Return the vectors (R, D) float32 of some texts, by their numbers in the input (R,).

        Raises:
            FixtureError: see read_shard.

        """
        ends = np.cumsum([shard.count for shard in self.manifest.shards])
        found = np.empty((len(rows), self.manifest.dimension), dtype=np.float32)
        of = np.searchsorted(ends, rows, side="right")
        for number in np.unique(of):
            wanted = of == number
            first = ends[number] - self.manifest.shards[number].count
            found[wanted] = self._vectors(int(number))[rows[wanted] - first]
        return found

    def _vectors(self, number: int) -> Vectors:
        return read_shard(self.folder, self.manifest, number)[1].astype(np.float32, copy=False)


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a regular file.

    Raises:
        FixtureError: it cannot be read, or is a link.

    """
    regular(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise FixtureError(path, f"cannot be read ({error.strerror})", hint=HINT) from error


def _opened(path: Path) -> Any:
    try:
        return safe_open(str(path), framework="numpy")
    except (OSError, SafetensorError) as error:
        raise FixtureError(path, f"is no safetensors file ({error})", hint=HINT) from error


def _content(tensors: dict[str, NDArray[Any]]) -> str:
    digest = hashlib.sha256()
    for name in ("vectors", "ids", "ends"):
        digest.update(np.ascontiguousarray(tensors[name]).data)
    return digest.hexdigest()
