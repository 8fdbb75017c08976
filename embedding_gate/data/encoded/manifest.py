"""The manifest of a folder of encoded texts: which model, which texts, which shards.

It is written when a run begins and says what the run will do. It is written again when the run ends, with the
hash of each shard.
"""

import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from embedding_gate.errors import FixtureError, InputError

__all__ = [
    "MANIFEST",
    "PART",
    "Manifest",
    "Shard",
    "read_manifest",
    "regular",
    "replace_file",
    "write_manifest",
]

MANIFEST = "manifest.json"
PART = f".{MANIFEST}.part"  # its name while it is written
LARGEST = 1 << 28  # bytes of a manifest: that of a thousand million texts has less
FORMAT = 1


class Shard(msgspec.Struct, forbid_unknown_fields=True):
    """One shard. texts: SHA-256 of its ids and texts. sha256: of its file, "" until the run ends.

    count, characters, tokens: of its texts. cut: texts that the model truncated.
    """

    count: int
    characters: int
    texts: str
    tokens: int = 0
    cut: int = 0
    sha256: str = ""


class Manifest(msgspec.Struct, forbid_unknown_fields=True):
    """What a folder holds.

    input: where the texts were read. opened: where the model was, and how it was opened.
    identity: what the model is (see reindex/identity.py). options: of encode, that change vectors.
    dimension: of a vector. dtype: "float32" or "float16". shard_texts: the most texts of a shard.
    """

    input: str
    opened: dict[str, str | None]
    identity: dict[str, Any]
    options: dict[str, str | int | None]
    dimension: int
    dtype: str
    shard_texts: int
    shards: list[Shard]
    format: int = FORMAT

    @property
    def plan(self) -> str:
        """SHA-256 of what decides the vectors and the shards, in hexadecimal."""
        parts = (self.identity, self.options, self.dimension, self.dtype, self.shard_texts, self.spans)
        return hashlib.sha256(msgspec.json.encode(parts, order="deterministic")).hexdigest()

    @property
    def spans(self) -> list[tuple[int, str]]:
        """The number of texts, and the SHA-256 of the texts, of each shard."""
        return [(shard.count, shard.texts) for shard in self.shards]

    @property
    def count(self) -> int:
        """The number of texts."""
        return sum(shard.count for shard in self.shards)

    @property
    def complete(self) -> bool:
        """Whether the run that writes the folder has ended."""
        return all(shard.sha256 for shard in self.shards)

    def differs_in(self, other: "Manifest") -> list[str]:
        """Name what two manifests have not in common, of what decides the vectors."""
        names = ("dimension", "dtype", "shard_texts")
        found = [name for name in names if getattr(self, name) != getattr(other, name)]
        found += ["input"] if self.spans != other.spans else []
        for one, its, what in (
            (self.options, other.options, "the option"),
            (self.identity, other.identity, "the model's"),
        ):
            keys = sorted(one.keys() | its.keys())
            found += [f"{what} {key}" for key in keys if one.get(key) != its.get(key)]
        return found


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a folder.

    Raises:
        FixtureError: there is none, or it is malformed, or of another format.

    """
    path = folder / MANIFEST
    if regular(path) > LARGEST:
        raise FixtureError(path, f"has more than {LARGEST:,} bytes", hint="it is no manifest")
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        hint = "restore the file, or encode into a new folder"
        raise FixtureError(path, f"is no manifest ({error})", hint=hint) from error
    sizes = [found.dimension, found.shard_texts, *(shard.count for shard in found.shards)]
    if (
        found.format != FORMAT
        or not found.shards
        or min(sizes) < 1
        or found.dtype not in ("float32", "float16")
    ):
        what = f"must have format {FORMAT}, dtype float32 or float16, and counts of 1 or more"
        raise FixtureError(path, what, hint="read it with the version that wrote it")
    return found


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write the manifest: the new one, or the old one as it was, whatever happens.

    Raises:
        InputError: the folder cannot be written.

    """
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    part = folder / PART
    try:
        part.write_bytes(content)
        replace_file(part, folder / MANIFEST)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InputError(
            folder, f"cannot be written ({error})", hint="free space, then run it again"
        ) from error


def replace_file(part: Path, path: Path) -> None:
    """Give a written file its name. After a power loss the name has the whole file, or what it had before."""
    _onto_disk(part)
    part.replace(path)
    _onto_disk(path.parent)


def _onto_disk(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def regular(path: Path) -> int:
    """Return the size of a file. A link, a device or a pipe is none.

    Raises:
        FixtureError: it is none, or is missing.

    """
    try:
        found = path.lstat()
    except OSError as error:
        raise FixtureError(
            path, f"cannot be read ({error.strerror})", hint="name a folder that encode wrote"
        ) from error
    if not stat.S_ISREG(found.st_mode):
        raise FixtureError(path, "is no regular file", hint="copy the file itself, not a link to it")
    return found.st_size
