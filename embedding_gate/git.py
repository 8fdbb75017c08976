"""Runs git for the gate and the benchmarks: in a given folder, without another repository's settings."""

import os
import subprocess
from pathlib import Path
from typing import Any

from embedding_gate.errors import GateError, InputError

__all__ = ["commit_of", "git", "state_of"]


def git(folder: Path, *words: str, given: bytes | None = None) -> bytes:
    """Run git in a folder and return its output. given: its standard input.

    Raises:
        InputError: git is not installed, or the command fails.

    """
    # Git sets GIT_ variables when it runs a hook. They would send these commands to another repository.
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, input=given, capture_output=True, check=False, env=plain)
    except OSError as error:
        raise InputError("git", f"cannot be run ({error.strerror})", hint="install it") from error
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        hint = "see whether it is the repository that is meant, and whether git can do this there"
        raise InputError(folder, f"git {words[0]}: {said[-1].removeprefix('fatal: ')}", hint=hint)
    return done.stdout


def commit_of(repository: Path, revision: str) -> str:
    """Return the full hash of the commit that a revision names.

    Raises:
        InputError: there is no git, no repository, or no such revision.

    """
    try:
        words = ("rev-parse", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        return git(repository, *words).decode().strip()
    except InputError as error:
        hint = f"name a commit of the repository in {repository} (a shallow clone has few)"
        raise InputError(revision or "an empty revision", error.what, hint=hint) from error


def state_of(folder: Path, *, untracked: bool) -> dict[str, Any]:
    """Return the commit of a work tree and whether its files were changed since. Without git both are None.

    untracked: whether a file that git does not track counts as a change.
    """
    try:
        found = git(folder, "status", "--porcelain", f"--untracked-files={'normal' if untracked else 'no'}")
        return {"revision": commit_of(folder, "HEAD"), "changed": bool(found.strip())}
    except GateError:
        return {"revision": None, "changed": None}
