"""Git is run where it is asked for, and each refusal is one line."""

from pathlib import Path

import pytest

from embedding_gate.errors import InputError
from embedding_gate.git import commit_of, git, state_of
from tests.support.repositories import commit

UNKNOWN = {"revision": None, "changed": None}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of one commit."""
    git(tmp_path, "init", "--quiet", "root")
    commit(tmp_path / "root", code__txt="old")
    return tmp_path / "root"


def test_a_hook_of_another_repository_leads_nowhere_else(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Git sets GIT_DIR for its hooks."""
    ours = commit_of(root, "HEAD")
    git(tmp_path, "init", "--quiet", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    assert commit_of(root, "HEAD") == ours


def test_state_of_a_work_tree(root: Path) -> None:
    at = commit_of(root, "HEAD")
    assert state_of(root, untracked=True) == {"revision": at, "changed": False}
    (root / "new.txt").touch()
    assert state_of(root, untracked=False) == {"revision": at, "changed": False}
    assert state_of(root, untracked=True) == {"revision": at, "changed": True}
    (root / "code.txt").write_text("new", encoding="utf-8")
    assert state_of(root, untracked=False) == {"revision": at, "changed": True}


def test_no_state(tmp_path: Path) -> None:
    """No repository, and one that has no commit yet."""
    assert state_of(tmp_path, untracked=True) == UNKNOWN
    git(tmp_path, "init", "--quiet")
    assert state_of(tmp_path, untracked=True) == UNKNOWN


def test_no_git_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match=r"^git: cannot be run \(No such file or directory\); install it$"):
        git(tmp_path, "status")
    assert state_of(tmp_path, untracked=False) == UNKNOWN


def test_a_refusal_is_one_line(root: Path) -> None:
    with pytest.raises(InputError, match=r"^\S+: git switch: invalid reference: none; .*$"):
        git(root, "switch", "none")
