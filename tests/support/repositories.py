"""Helpers that make small git repositories."""

import subprocess
from pathlib import Path

__all__ = ["commit", "git", "worktrees"]

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")


def git(root: Path, *command: str) -> str:
    """Run git in a repository."""
    done = subprocess.run(
        ["git", "-C", str(root), *IDENTITY, *command],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(root: Path, **files: str) -> str:
    """Commit files and return the hash. "__" in a file name stands for a dot."""
    for name, text in files.items():
        (root / name.replace("__", ".")).write_text(text, encoding="utf-8")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message", "a change")
    return git(root, "rev-parse", "HEAD")


def worktrees(root: Path) -> int:
    """Count the worktrees that git knows."""
    return len(git(root, "worktree", "list").splitlines())
