"""Checks out the tree of the other revision, with its own environment if it needs one.

The worktree is removed in every case: after an error, Ctrl-C, SIGTERM or a closed terminal. Signals are
delayed while git writes. They arrive inside the ``with`` block, when the tree is complete, or after its end,
when the tree is removed.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from embedding_gate.errors import InputError
from embedding_gate.git import commit_of, git
from embedding_gate.own_files import ROOT
from embedding_gate.signals import end_group, stoppable, uninterrupted

__all__ = ["Tree", "checked_out"]

LOCK = "requirements.lock"


@dataclass(frozen=True)
class Tree:
    """A tree of the library: the folder that contains ``embeddings/``, and its Python interpreter."""

    name: str
    path: Path
    python: str = sys.executable


@contextmanager
def checked_out(revision: str, root: Path = ROOT) -> Iterator[Tree]:
    """Check out a revision into a temporary folder, and always remove the folder at the end.

    Raises:
        InputError: the revision cannot be checked out, or its environment cannot be created.

    """
    commit = commit_of(root, revision)
    with stoppable(), uninterrupted() as let_through:
        place = Path(tempfile.mkdtemp(prefix="against-")).resolve()
        tree = place / "tree"
        try:
            git(root, "worktree", "add", "--detach", "--quiet", str(tree), commit)
            with let_through():
                yield Tree(revision, tree, _interpreter(tree, root))
        finally:
            if tree.exists():
                git(root, "worktree", "remove", "--force", "--force", str(tree))
            shutil.rmtree(place, ignore_errors=True)


def _interpreter(tree: Path, root: Path) -> str:
    """Return this interpreter if the lock files are equal, else that of a new environment for the tree."""
    if not (tree / LOCK).is_file() or (tree / LOCK).read_bytes() == (root / LOCK).read_bytes():
        return sys.executable
    command = ["make", "-C", str(tree), "-f", str(root / "Makefile"), ".venv", f"PYTHON={sys.executable}"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as made:
        try:
            said = made.communicate()[1].strip().splitlines()
        except BaseException:
            end_group(made)  # make, and the pip process that make started
            raise
    if made.returncode:
        raise InputError(
            LOCK,
            f"differs, and its environment cannot be made ({said[-1] if said else 'make failed'})",
            hint="run make .venv in a checkout of that revision, and see why",
        )
    return str(tree / ".venv" / "bin" / "python")
