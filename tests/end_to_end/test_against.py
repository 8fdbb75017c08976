"""A comparison as a user runs it, on a repository made here and a tiny model; and what pytest says of it."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.against.arms import open_arms
from benchmarks.against.comparison import OURS, compare
from benchmarks.against.rounds import BENCHMARKS
from benchmarks.against.trees import Tree
from embedding_gate import own_files
from embedding_gate.errors import GateError
from tests.support import HANG, tiny
from tests.support.commands import refused_in_one_line, run_with_plugin
from tests.support.repositories import commit, worktrees

ONLY = "--benchmark-only"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with this library, and nothing of the harness."""
    root = tmp_path / "root"
    subprocess.run(["git", "init", "--quiet", str(root)], check=True)  # noqa: S607
    (root / "fixtures").mkdir()
    shutil.copytree(own_files.ROOT / "embeddings", root / "embeddings", ignore=lambda *_: {"__pycache__"})
    shutil.copy(own_files.FIXTURES / "against.toml", root / "fixtures")
    commit(root, requirements__lock="")
    return root


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(tiny.build(tmp_path / "my-model", max_tokens=140))


def add(root: Path, code: str) -> None:
    """Change the working tree's library, without a commit."""
    with (root / "embeddings" / "embedder.py").open("a", encoding="utf-8") as file:
        file.write(code)


def test_a_tree_beside_its_own_commit(root: Path, model: str) -> None:
    """Real processes, real texts: each benchmark has a ratio and a control, and all bits are the same."""
    found = compare("HEAD", model, [], own_files.slice_of_sets(), root=root, generations=1)
    data = found.as_data()
    assert all(row["control"]["ratio"] > 0 for row in data["rows"])
    assert all(row["low"] <= row["ratio"] <= row["high"] for row in data["rows"])
    assert data["vectors"]["identical"] is True
    assert data["rounds"] == 4
    assert worktrees(root) == 1


CUT = """
_right = Embedder.encode
Embedder.encode = lambda self, texts, **given: _right(self, [text[:9] for text in texts], **given)
"""


def test_a_tree_that_cuts_its_texts_is_an_error(root: Path, model: str) -> None:
    """It would be the fastest of all. Both measurements see it; the vectors are not the same."""
    add(root, CUT)
    some, sets = BENCHMARKS[-2:], own_files.slice_of_sets()
    found = compare("HEAD", model, [], sets, root=root, benchmarks=some, generations=1)
    for row in found.red:
        assert (row.outcome, row.confirmed) == ("ERROR", True)
        assert re.search(rf"{OURS}: real tokens: \d+ in place of \d+; the trees do other work", row.evidence)
    assert len(found.red) == 2
    assert found.as_data()["vectors"]["identical"] is False


def test_a_tree_that_cannot_be_run(root: Path, model: str) -> None:
    """One line, of what it said last; no worktree is left."""
    add(root, "raise SystemError('out of order')\n")
    words = rf"{OURS}: its process stopped: SystemError: out of order; see whether that tree runs"
    with pytest.raises(GateError, match=words):
        compare("HEAD", model, [], own_files.slice_of_sets(), root=root, generations=1)
    assert worktrees(root) == 1
    trees = [("b", Tree("b", root / "fixtures"))]
    nothing = r"b: its process stopped: .*has no package embeddings"
    with pytest.raises(GateError, match=nothing), open_arms(trees, [model]):
        pass
    shutil.rmtree(model)
    subprocess.run(["git", "-C", str(root), "checkout", "--quiet", "."], check=True)  # noqa: S607
    unknown = r"b: its process stopped: \S+: neither a known model"
    with pytest.raises(GateError, match=unknown), open_arms([("b", Tree("b", root))], [model]):
        pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--against=HEAD"], "--against: it is for --benchmark-only; add it"),
        ([ONLY, "--against="], "--against: names no revision, as in --against=main"),
        (
            [ONLY, "--against=no-such"],
            "--against: no-such: git rev-parse: Needed a single revision; name a commit of",
        ),
        ([ONLY, "--against=HEAD", "-k", "cache"], "measures its own benchmarks: leave out -k"),
        ([ONLY, "--against=HEAD", "--benchmark-json=x"], "leave out --benchmark-json"),
        ([ONLY, "--against=HEAD", "--model=a", "--model=b"], "compares one model: leave out the other"),
    ],
)
def test_what_cannot_be_compared_is_one_error(options: list[str], words: str) -> None:
    refused_in_one_line(options, words)


PLANTED = """
def pytest_configure():
    from benchmarks.against import plugin
    from benchmarks.against.comparison import Comparison, Row
    from benchmarks.against.paired import Ratio
    from embedding_gate.metrics.vector_change import VectorChange
    from embedding_gate.errors import GateError

    def compare(revision, model, options, sets):
        same = VectorChange(True, 9, 1.0, "", (), 0)
        one = Ratio(1, 1, 1)
        fast = Row("short texts", "time", Ratio(0.8, 0.78, 0.83), one, 0.1, "pass", evidence="faster")
        slow = Row("one text", "time", Ratio(1.2, 1.18, 1.23), one, 0.1, "FAIL", True, "slower")
        return Comparison(revision, "0" * 40, model, 20, {rows}, same, (repr(options),))

    plugin.compare = compare
"""


def test_a_tree_that_only_gets_faster_is_green(tmp_path: Path) -> None:
    done = run_with_plugin(
        tmp_path, PLANTED.replace("{rows}", "(fast,)"), ONLY, "--against=HEAD", "--device=cpu"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"short texts +time +0.800x +0.780 to 0.830 +<= 1.10 +pass\n", done.stdout)
    assert "  short texts: faster\n" in done.stdout
    assert "'--device=cpu'" in done.stdout
    assert "1 passed" in done.stdout
    last = "benchmarks: PASS: none of 1 benchmarks is surely slower than HEAD"
    assert done.stdout.splitlines()[-1] == last


def test_a_slower_tree_is_red(tmp_path: Path) -> None:
    """The exit code, the count, the one line, and JUnit's case."""
    junit = tmp_path / "junit.xml"
    some = (ONLY, "--against=HEAD", f"--junitxml={junit}")
    done = run_with_plugin(tmp_path, PLANTED.replace("{rows}", "(fast, slow)"), *some)
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    assert "1 failed, 1 passed" in done.stdout
    assert "one text: 1.200 (1.180 to 1.230), at most 1.10: FAIL; slower" in done.stdout
    told = "one text takes 1.200 (1.180 to 1.230) times as long as HEAD, at most 1.10 times is allowed"
    assert done.stdout.splitlines()[-1] == f"benchmarks: FAIL: {told}"
    assert "Traceback" not in done.stdout
    text = junit.read_text(encoding="utf-8")
    assert 'failures="1"' in text
    assert 'tests="2"' in text


BROKEN = """
def pytest_configure():
    from benchmarks.against import plugin
    from embedding_gate.errors import GateError

    def compare(*given):
        raise GateError("HEAD", "its process stopped", hint="see why")

    plugin.compare = compare
"""


def test_a_comparison_that_stops_is_red(tmp_path: Path) -> None:
    folder = tmp_path / "report"
    done = run_with_plugin(tmp_path, BROKEN, ONLY, "--against=HEAD", f"--report={folder}")
    record = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert record["reasons"] == ["against HEAD: HEAD: its process stopped; see why"]
    assert done.returncode == pytest.ExitCode.TESTS_FAILED
    last = "benchmarks: FAIL: against HEAD: HEAD: its process stopped; see why"
    assert done.stdout.splitlines()[-1] == last
    assert "Traceback" not in done.stdout


INTERRUPTED = """
def pytest_configure():
    from functools import partial
    from pathlib import Path
    from benchmarks.against import plugin
    plugin.compare = partial(plugin.compare, root=Path({root!r}), generations=10**6)
"""


def test_ctrl_c_of_a_run_leaves_nothing(tmp_path: Path, root: Path, model: str) -> None:
    """Pytest in the midst of its rounds: no worktree, no process of the group that it leads."""
    (tmp_path / "a_plugin.py").write_text(INTERRUPTED.format(root=str(root)), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "a_plugin", ONLY]
    with subprocess.Popen(
        [*command, "--against=HEAD", f"--model={model}"],
        cwd=own_files.ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        while process.poll() is None and not (workers := workers_of(process.pid)):
            pass
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=HANG)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert "Stopped: SIGINT" in said
    assert worktrees(root) == 1
    assert workers
    assert all_end(workers, within=HANG)


def workers_of(parent: int) -> list[int]:
    """Return the children of a process that are workers."""
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,args="],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    )
    rows = (line.split(maxsplit=2) for line in done.stdout.splitlines())
    return [int(pid) for pid, of, *args in rows if int(of) == parent and "tree_worker" in " ".join(args)]


def all_end(pids: list[int], within: float) -> bool:
    """Whether all end in so many seconds: one that was just starting does when it finds its input closed."""
    until = time.monotonic() + within
    while any(map(alive, pids)):
        if time.monotonic() > until:
            return False
        time.sleep(0.1)
    return True


def alive(pid: int) -> bool:
    """Whether there is such a process, and not only what is left of it until somebody asks how it ended."""
    command = ["ps", "-o", "stat=", "-p", str(pid)]
    state = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")
