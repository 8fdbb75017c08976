"""The other revision's tree: checked out beside this one, with an environment of its own where it needs one.

Whatever ends the comparison, an error, Ctrl-C, SIGTERM or a closed terminal, the worktree goes. Signals wait
while git writes: each arrives where ``with`` hands out the tree, and finds it whole or gone.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from benchmarks.workers import ROOT
from embedding_gate.errors import InputError

__all__ = ["Tree", "checked_out", "commit_of"]

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
LOCK = "requirements.lock"


@dataclass(frozen=True)
class Tree:
    """A library: the folder that holds ``embeddings/``, and the interpreter that runs it."""

    name: str
    path: Path
    python: str = sys.executable


def commit_of(revision: str, root: Path = ROOT) -> str:
    """Return the full hash of a revision, as git understands it.

    Raises:
        InputError: there is no git, no repository, or no such revision.

    """
    return _git(root, "rev-parse", "--verify", f"{revision}^{{commit}}", of=revision)


@contextmanager
def checked_out(revision: str, root: Path = ROOT) -> Iterator[Tree]:
    """Check a revision out into a temporary folder, and remove it again in any case.

    Raises:
        InputError: it cannot be had, or its environment cannot be made.

    """
    commit = commit_of(revision, root)
    with _held_back():
        place = Path(tempfile.mkdtemp(prefix="against-")).resolve()
        tree = place / "tree"
        try:
            _git(root, "worktree", "add", "--detach", "--quiet", str(tree), commit, of=revision)
            with _let_through():
                yield Tree(revision, tree, _interpreter(tree, root))
        finally:
            if tree.exists():
                _git(root, "worktree", "remove", "--force", "--force", str(tree), of=revision)
            shutil.rmtree(place, ignore_errors=True)


def _git(root: Path, *command: str, of: str) -> str:
    """Run git, and return the first line that it prints."""
    # Set by git where it runs a hook: they would send these commands to another repository.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    hint = f"name a commit of the repository in {root}, as git rev-parse takes it (a shallow clone has few)"
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *command],  # noqa: S607  (the one on PATH)
            capture_output=True,
            text=True,
            check=False,
            env=plain,
        )
    except FileNotFoundError as error:
        raise InputError(f"--against {of}", "git is not installed", hint="install it") from error
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["git failed"])[-1]
        raise InputError(f"--against {of}", said.removeprefix("fatal: "), hint=hint)
    return done.stdout.strip()


def _interpreter(tree: Path, root: Path) -> str:
    """Return this interpreter where the locks are the same, else that of an environment made for the tree."""
    if not (tree / LOCK).is_file() or (tree / LOCK).read_bytes() == (root / LOCK).read_bytes():
        return sys.executable
    command = ["make", "-C", str(tree), "-f", str(root / "Makefile"), ".venv", f"PYTHON={sys.executable}"]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as made:
        try:
            said = made.communicate()[1].strip().splitlines()
        except BaseException:
            os.killpg(made.pid, signal.SIGKILL)  # make, and the pip that it has started
            raise
    if made.returncode:
        raise InputError(
            LOCK,
            f"differs, and its environment cannot be made ({said[-1] if said else 'make failed'})",
            hint="run make .venv in a checkout of that revision, and see why",
        )
    return str(tree / ".venv" / "bin" / "python")


@contextmanager
def _held_back() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP wait, and each raise KeyboardInterrupt when it is let through."""

    def interrupt(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in SIGNALS}
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, masked)


@contextmanager
def _let_through() -> Iterator[None]:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
