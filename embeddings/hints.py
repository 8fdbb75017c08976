"""What a user probably meant where a model's folder, or a file in it, is not there."""

from collections.abc import Collection
from difflib import get_close_matches
from pathlib import Path

__all__ = ["for_file", "for_folder", "is_part", "similar", "stored_otherwise"]

_ALIKE = 0.75  # how similar a wrong name must be to a right one to suggest it; 1 is equal
_NOT_READ = "save the weights as safetensors: {} can hold code and is never read"
_CONVERTED = "take the model's own safetensors: {} is a conversion for other programs"
_WEIGHTS = {  # files in which other programs store weights: what to do instead
    "*model*.bin": _NOT_READ,
    "*.pt": _NOT_READ,
    "*.pth": _NOT_READ,
    "*.gguf": _CONVERTED,
    "*.npz": _CONVERTED,
    "*.onnx": _CONVERTED,
    "onnx/*.onnx": _CONVERTED,
}
_BEGINNINGS = {  # of files that are something else than their names say
    b"version https://git-lfs": ("is a pointer of Git LFS, not the file itself", "run git lfs pull there"),
    b"GGUF": ("is a GGUF file", "take the model's own safetensors"),
    b"PK\x03\x04": ("is a file of torch", "save the weights as safetensors"),
    b"<!DOCTYPE": ("is a web page", "download the file itself"),
    b"<!doctype": ("is a web page", "download the file itself"),
}


def for_file(path: Path) -> str:
    """Say what to do about a file that a model's folder lacks."""
    folder, weights = path.parent, path.suffix == ".safetensors"
    if not weights and (models := sorted(_models_below(folder))):
        return f"did you mean {models[0]}?"
    for pattern, hint in _WEIGHTS.items():
        if (weights or hint is _CONVERTED) and (found := sorted(folder.glob(pattern))):
            return hint.format(found[0].relative_to(folder))
    return "copy the model's whole folder, every file of it"


def _models_below(folder: Path) -> list[Path]:
    """Find the models of a folder: its own folders, and the snapshots of a folder of the hub's cache."""
    found = (config.parent for form in ("*", "snapshots/*") for config in folder.glob(f"{form}/config.json"))
    return [one for one in found if (one / "tokenizer.json").is_file()]


def for_folder(path: Path, known: Collection[str]) -> str:
    """Say what to do about a path that is not there: which model or folder is called almost so, or "".

    known: names of models. Case, underscores (same as hyphens) and an organisation before the name do not
        count.
    """
    if meant := similar(path.name, known, alike=_ALIKE):
        return f"did you mean {meant}?"
    parent = next((one for one in path.parents if one.is_dir()), None)
    if parent is None:  # an empty name
        return ""
    lacking, *below = path.relative_to(parent).parts
    if meant := similar(lacking, [one.name for one in parent.iterdir() if one.is_dir()], alike=_ALIKE):
        return f"did you mean {Path(parent, meant, *below)}?"
    return f"{parent} has no {lacking!r}; correct the path" if parent != Path() else ""


def similar(name: str, known: Collection[str], *, alike: float) -> str:
    """Return the name that is most similar, or "" if none is similar enough.

    alike: the least similarity, 1 is equal.
    """
    plain = {_plain(one): one for one in known}
    return next((plain[one] for one in get_close_matches(_plain(name), plain, n=1, cutoff=alike)), "")


def _plain(name: str) -> str:
    return name.rpartition("/")[2].strip().lower().replace("_", "-").replace(" ", "-")


def is_part(folder: Path) -> bool:
    """Tell whether a folder is that of one module, such as 1_Pooling, within a model's folder."""
    return (
        folder.is_dir()
        and (folder.parent / "modules.json").is_file()
        and not (folder / "tokenizer.json").is_file()
    )


def stored_otherwise(path: Path) -> tuple[str, str] | None:
    """Say what a file is, and what to do, if it is something else than its name says."""
    try:
        with path.open("rb") as file:
            begins = file.read(32)
    except OSError:  # who reads it says why it cannot be read
        return None
    return next((told for known, told in _BEGINNINGS.items() if begins.startswith(known)), None)
