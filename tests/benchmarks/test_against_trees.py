"""The other revision's worktree and processes come, and go whatever happens, on repositories made here."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from benchmarks.against.trees import checked_out
from embedding_gate import own_files
from embedding_gate.errors import InputError
from embedding_gate.git import commit_of
from tests.support import HANG
from tests.support.repositories import commit, git, worktrees


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository of two commits: code.txt says old, then new; one lock."""
    git(tmp_path, "init", "--quiet", str(tmp_path / "root"))
    commit(tmp_path / "root", code__txt="old", requirements__lock="a==1")
    commit(tmp_path / "root", code__txt="new")
    return tmp_path / "root"


def test_a_worktree_of_the_revision(root: Path) -> None:
    (root / "code.txt").write_text("not committed", encoding="utf-8")
    with checked_out("HEAD~1", root) as tree:
        assert (tree.path / "code.txt").read_text(encoding="utf-8") == "old"
        assert tree.python == sys.executable
        assert worktrees(root) == 2
    assert not tree.path.parent.exists()
    assert worktrees(root) == 1
    assert git(root, "status", "--porcelain") == "M code.txt"


def test_an_error_leaves_no_worktree(root: Path) -> None:
    with pytest.raises(FileExistsError), checked_out("HEAD", root) as tree:
        (tree.path / "code.txt").mkdir()
    assert not tree.path.parent.exists()
    assert worktrees(root) == 1


def test_a_revision_that_there_is_not(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for revision in ("no-such", "--help", ""):
        with pytest.raises(InputError, match=f"^{revision or 'an empty revision'}: .*; name a commit"):
            commit_of(root, revision)
        with pytest.raises(InputError, match="name a commit"), checked_out(revision, root):
            pass
    (tmp_path / "none").mkdir()
    with pytest.raises(InputError, match="not a git repository"):
        commit_of(tmp_path / "none", "HEAD")
    assert not list(tmp_path.glob("against-*"))


MAKEFILE = ".venv:\n\tmkdir -p .venv/bin && cp requirements.lock $(PYTHON) .venv/bin\n"


def test_another_lock_has_another_environment(root: Path) -> None:
    """It is made by the newer tree's Makefile, from the older tree's lock."""
    commit(root, requirements__lock="a==2", Makefile="all:\n\tfalse\n")
    (root / "Makefile").write_text(MAKEFILE, encoding="utf-8")
    (root / "requirements.lock").write_text("a==3", encoding="utf-8")
    with checked_out("HEAD", root) as tree:
        assert tree.python == str(tree.path / ".venv" / "bin" / "python")
        made = tree.path / ".venv" / "bin" / "requirements.lock"
        assert made.read_text(encoding="utf-8") == "a==2"
    assert worktrees(root) == 1


def test_an_environment_that_cannot_be_made(root: Path) -> None:
    commit(root, requirements__lock="a==2", Makefile=".venv:\n\techo no such wheel >&2; false\n")
    words = "requirements.lock: differs, and its environment cannot be made .*; run make .venv"
    with pytest.raises(InputError, match=words), checked_out("HEAD~1", root):
        pass
    assert worktrees(root) == 1


WAITS = """
import subprocess, sys, time
from pathlib import Path
from benchmarks.against.trees import checked_out
from embedding_gate.workers import Worker

root, waiter = Path(sys.argv[1]), Worker("w", "tests.support.against_waiter", [])
with checked_out("HEAD", root) as tree, waiter as worker:
    print(tree.path, worker.ask("pid")["pid"], flush=True)
    time.sleep(600)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing(root: Path, number: int) -> None:
    """No worktree and no process, where the comparison waits for its worker."""
    with subprocess.Popen(
        [sys.executable, "-c", WAITS, str(root)],
        cwd=own_files.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        path, pid = process.stdout.readline().split()
        assert worktrees(root) == 2
        process.send_signal(number)
        _, error = process.communicate(timeout=HANG)
    assert process.returncode != 0
    assert error.rstrip().endswith(f"Stopped: {signal.Signals(number).name}")
    assert worktrees(root) == 1
    assert not Path(path).parent.exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid), 0)


STOPPED = "Stopped: SIGINT"
ADDS = """
import os, sys
from pathlib import Path
from benchmarks.against.trees import checked_out

os.environ["ASKED_BY"] = str(os.getpid())
with checked_out("HEAD", Path(sys.argv[1])):
    print("entered")
"""


@pytest.mark.parametrize(
    ("struck", "said", "error"), [("$PPID", "entered\n", ""), ("$ASKED_BY $PPID", "", STOPPED)]
)
def test_ctrl_c_while_git_writes(root: Path, tmp_path: Path, struck: str, said: str, error: str) -> None:
    """The signal comes from within git worktree add: git itself minds none, ours waits until it is done."""
    hook = root / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\nkill -INT {struck}\n", encoding="utf-8")
    hook.chmod(0o755)
    done = subprocess.run(
        [sys.executable, "-c", ADDS, str(root)],
        cwd=own_files.ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == said
    assert done.stderr.rstrip().endswith(error)
    assert bool(done.stderr) == bool(error)
    assert worktrees(root) == 1
    assert not list(tmp_path.glob("against-*"))
