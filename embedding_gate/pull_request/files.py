"""The files of a revision and of a work tree, read as bytes: no checkout, no filter, no link is followed."""

from collections.abc import Mapping
from pathlib import Path

from embedding_gate.errors import InputError
from embedding_gate.git import git
from embedding_gate.pull_request.roles import role

__all__ = ["Files", "altered", "lay_over", "read_commit", "read_work_tree", "write_tree"]

# Path with slashes, from the root -> content; None where it is a link, a submodule or the like.
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
    """Read the files of a work tree as they lie there: tracked ones, and new ones that are not ignored."""
    found = git(root, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--full-name")
    root = Path(git(root, "rev-parse", "--show-toplevel").decode().rstrip("\n")).resolve()
    tree: dict[str, bytes | None] = {}
    for name in found.split(b"\0")[:-1]:
        path = name.decode(errors="surrogateescape")
        place = root / path
        if not place.is_symlink() and not place.exists():
            continue  # deleted
        plain = place.is_file() and place.resolve() == place  # neither it nor a folder above is a link
        tree[path] = place.read_bytes() if plain else None
    return tree


def lay_over(base: Files, head: Files) -> dict[str, bytes]:
    """Return the base's files with the judged ones of the head in place of the base's.

    Raises:
        InputError: a judged file of the head is a link or the like, which could show another file later;
            or Python's own translation of one, which it would run in place of what a person reads.

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
        InputError: a file is also a folder, as a file of the head can be where the base has a folder.

    """
    for path, data in tree.items():
        place = folder / path
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        except OSError as error:
            raise InputError(path, f"cannot be written ({error.strerror})", hint="rename it") from error


def altered(tree: Mapping[str, bytes], folder: Path) -> list[str]:
    """Name the files of the judge that are no longer what was written, and those that were not there."""
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
