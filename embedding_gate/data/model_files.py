"""Which model a folder's files are, and whether goldens hold for what the folder declares."""

import hashlib
import json
from pathlib import Path

from embedding_gate.data.goldens import Golden
from embedding_gate.errors import FixtureError

__all__ = [
    "DECLARING",
    "declaring_files",
    "files_of_goldens",
    "goldens_that_hold",
    "identify",
    "notes_on_goldens",
    "sha256_of",
]

# They say how texts become vectors: limit, pooling, prompts, modules.
DECLARING = (
    "*/config.json",
    "tokenizer_config.json",
    "modules.json",
    "sentence_*_config.json",
    "config_sentence_transformers.json",
)


def identify(folder: Path, goldens: Path) -> str:
    """Name the model in a folder: the one whose goldens were made from the same files, else the folder.

    Raises:
        FixtureError: goldens are malformed.

    """
    for model, files in files_of_goldens(goldens).items():
        if all(sha256_of(folder / name) == expected for name, expected in files.items()):
            return model
    return folder.resolve().name


def files_of_goldens(goldens: Path) -> dict[str, dict[str, str]]:
    """Return the files that goldens were made from: model -> file -> SHA-256.

    Raises:
        FixtureError: goldens are malformed.

    """
    found = {}
    for origin_path in sorted(goldens.glob("*.json")):
        try:
            found[origin_path.stem] = dict(json.loads(origin_path.read_bytes())["files"])
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise FixtureError(origin_path, f"malformed ({error!r})", hint="restore the file") from error
    return found


def sha256_of(path: Path) -> str:
    """Return a file's SHA-256 in hexadecimal, or words that equal no hash if there is no such file."""
    if not path.is_file():
        return "no such file"
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def declaring_files(folder: Path) -> dict[str, str]:
    """Return the files of a folder that say how texts become vectors: name -> SHA-256."""
    found = sorted(path for pattern in DECLARING for path in folder.glob(pattern))
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in found}


def goldens_that_hold(golden: Golden | None, folder: Path) -> Golden | None:
    """Return the goldens, or None if the folder declares another limit, pooling or prompt than theirs did."""
    return None if _otherwise(golden, folder) else golden


def notes_on_goldens(golden: Golden | None, folder: Path) -> list[str]:
    """Return a line where a judged folder declares otherwise than the one that its goldens were made from."""
    names = _otherwise(golden, folder)
    return [f"  its goldens were made with another {', '.join(names)}"] if names else []


def _otherwise(golden: Golden | None, folder: Path) -> list[str]:
    """Name the files that differ; none where the goldens do not know what theirs were."""
    if golden is None or not golden.declaring:
        return []
    its = declaring_files(folder)
    return sorted(dict(its.items() ^ golden.declaring.items()))
