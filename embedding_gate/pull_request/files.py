"""Reads the files of a revision or a work tree as bytes: no checkout, no filter, and no link is followed."""

from collections.abc import Mapping
from pathlib import Path

from embedding_gate.errors import InputError
from embedding_gate.git import git
from embedding_gate.pull_request.roles import role

__all__ = ["Files", "altered", "lay_over", "read_commit", "read_work_tree", "write_tree"]

# Path with slashes, from the root -> content. None: a link, a submodule or similar.
Files = Mapping[str, bytes | None]

# What a run of pytest leaves behind in its folder.
LEFT_BEHIND = {".hypothesis", ".pytest_cache", ".benchmarks"}


def read_commit(repository: Path, commit: str) -> dict[str, bytes | None]:
    """Read all files of a commit."""
    entries = []
    for line in git(repository, "ls-tree", "-r", "-z", "--full-tree", commit).split(b"\0")[:-1]:
        about, _, path = line.decode(errors="surrogateescape").partition("\t")
        mode, _, name = about.split()
        entries.append((path, mode.startswith("100"), name))
    asked = "".join(f"{name}\n" for _, plain, name in entries if plain).encode()
    out, at = git(repository, "cat-file", "--batch", given=asked), 0
    tree: dict[str, bytes | None] = {}
    for path, plain, _ in entries:
        tree[path] = None
        if plain:
            end = out.index(b"\n", at)
            size = int(out[at:end].split()[2])
            tree[path], at = out[end + 1 : end + 1 + size], end + 2 + size
    return tree


def read_work_tree(root: Path) -> dict[str, bytes | None]:
    """Read the files of a work tree from disk: tracked files, and new files that are not ignored."""
    found = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name")
    root = Path(git(root, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()
    tree: dict[str, bytes | None] = {}
    for name in found.split(b"\0")[:-1]:
        path = name.decode(errors="surrogateescape")
        place = root / path
        if not place.is_symlink() and not place.exists():
            continue  # deleted
        plain = (
            place.is_file() and place.resolve() == place
        )  # neither the file nor a folder above it is a link
        tree[path] = place.read_bytes() if plain else None
    return tree


def lay_over(base: Files, head: Files) -> dict[str, bytes]:
    """Return the base's files, with the head's judged files instead of the base's judged files.

    Raises:
        InputError: a judged file of the head is a link or similar, which could point to another file later.
            Or it is compiled Python, which Python would run instead of the source that a person reads.

    """
    tree = {path: data for path, data in base.items() if role(path) != "judged" and data is not None}
    for path, data in head.items():
        if role(path) != "judged":
            continue
        if data is None:
            raise InputError(path, "is no plain file, and cannot be judged", hint="replace it by a plain one")
        if path.endswith((".pyc", ".pyo")):
            raise InputError(path, "is not what a person reads, and cannot be judged", hint="remove it")
        tree[path] = data
    return tree


def write_tree(tree: Mapping[str, bytes], folder: Path) -> None:
    """Write files into an empty folder.

    Raises:
        InputError: a path is both a file and a folder, such as a file in the head and a folder in the base.

    """
    for path, data in tree.items():
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except OSError as error:
            raise InputError(path, f"cannot be written ({error.strerror})", hint="rename it") from error


def altered(tree: Mapping[str, bytes], folder: Path) -> list[str]:
    """Return the judge's files that changed after they were written, and files that are new."""
    wrong = [
        path for path, data in tree.items() if role(path) != "judged" and _content(folder / path) != data
    ]
    for place in folder.rglob("*"):
        path = place.relative_to(folder)
        if not place.is_dir() and path.as_posix() not in tree and not LEFT_BEHIND & set(path.parts):
            wrong.append(path.as_posix())
    return sorted(wrong)


def _content(place: Path) -> bytes | None:
    return place.read_bytes() if place.is_file() and not place.is_symlink() else None
