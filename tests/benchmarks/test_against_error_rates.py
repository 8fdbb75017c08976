"""The error rates by hand, and what the recorded sessions say."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmarks.against import error_rates, record
from benchmarks.against.error_rates import (
    WHOLE,
    Rate,
    Series,
    clopper_pearson,
    read_series,
    runs_of,
)
from benchmarks.against.rounds import BENCHMARKS
from embedding_gate.errors import FixtureError
from embedding_gate.own_files import ROOT

R = 5
SLOW, FINE, FAST = ([value] * R for value in (0.2, 0.0, -0.2))


@pytest.mark.parametrize(("red", "runs"), [(0, 1), (1, 1), (0, 56), (3, 56), (28, 28), (27, 28), (150, 300)])
def test_exact_intervals(red: int, runs: int) -> None:
    theirs = stats.binomtest(red, runs).proportion_ci(0.95, method="exact")
    assert np.allclose(clopper_pearson(red, runs), theirs, atol=1e-9)  # 1e-13 measured


def series(slowdown: float, *sessions: list[list[float]]) -> list[Series]:
    """Make sessions of blocks."""
    return [Series("b", slowdown, np.concatenate([np.array(block) for block in of])) for of in sessions]


def test_a_run_is_a_block_and_its_rerun() -> None:
    """Red, red: a red run of two blocks. Red, green: a green one of two. The last block begins none."""
    found = runs_of(series(0.15, [SLOW, SLOW, SLOW, FINE, FINE, FINE, SLOW]), R)
    assert found == Rate(runs=4, red=1, rounds=6 * R)


def test_sessions_are_joined() -> None:
    """The rerun of a session's last block is the next session's first."""
    assert runs_of(series(0.15, [FINE, SLOW], [SLOW, FINE]), R) == Rate(runs=2, red=1, rounds=3 * R)


def test_what_is_left_of_a_session_is_no_block() -> None:
    assert runs_of(series(0.15, [FINE, FINE, FINE[:-1]]), R) == Rate(runs=1, red=0, rounds=R)


def test_the_same_tree_may_not_be_faster_either() -> None:
    """The control is red then. A tree that was made slower is not caught by being faster."""
    assert runs_of(series(0.0, [FAST, FAST, FINE]), R).red == 1
    assert runs_of(series(0.15, [FAST, FAST, FINE]), R).red == 0


@pytest.mark.parametrize(
    "text",
    ["", "{}", '{"series": [{}]}', '{"series": [{"benchmark": "b", "slowdown": 0, "log_ratios": [NaN]}]}'],
)
def test_malformed_recordings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "against-x.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FixtureError, match=r"against-x.json: malformed \(.*\); record it again") as caught:
        read_series([path])
    assert "\n" not in str(caught.value)


def test_a_malformed_recording_ends_the_command_with_one_line(tmp_path: Path) -> None:
    path = tmp_path / "against-x.json"
    path.write_text("{}", encoding="utf-8")
    command = [sys.executable, "-m", "benchmarks.against.error_rates", str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "malformed" in done.stderr


@pytest.fixture(scope="module")
def recorded() -> list[Series]:
    """Read what is published."""
    return read_series(sorted(error_rates.RECORDED.glob("against-*.json")))


def total(recorded: list[Series], slowdown: float) -> Rate:
    """Return the rate of all benchmarks at one slowdown, in blocks of as many rounds as a comparison has."""
    of = [
        [one for one in recorded if one.benchmark == b.name and one.slowdown == slowdown] for b in BENCHMARKS
    ]
    return sum((runs_of(some, WHOLE) for some in of), Rate(0, 0, 0))


def test_the_published_rates_keep_what_is_promised(recorded: list[Series]) -> None:
    """The same tree is red in at most 2 % of runs, one that is 15 % slower in at least 95 %."""
    same, slower = total(recorded, 0.0), total(recorded, 0.15)
    assert same.red / same.runs <= 0.02
    assert slower.red / slower.runs >= 0.95


def test_the_planted_library_is_slower(tmp_path: Path) -> None:
    """By a share of its own time: a simulated one, so that nothing is timed here."""
    tree = record.planted(0.15, tmp_path / "slow")
    planted = (tree.path / "embeddings" / "embedder.py").read_text(encoding="utf-8")
    now = [0.0]

    class Embedder:
        def encode(self, texts: list[str]) -> int:
            now[0] += 2.0
            return len(texts)

    def clock() -> float:
        now[0] += 1e-6
        return now[0]

    added = planted.partition("\n\ndef _slowed")[2]
    code = f"def _slowed{added}".replace("import functools, time", "import functools")
    space = {"Embedder": Embedder, "time": type("time", (), {"perf_counter": staticmethod(clock)})}
    exec(code, space)  # noqa: S102  (what the recorder adds)
    assert Embedder().encode(["a", "b"]) == 2
    assert now[0] == pytest.approx(2.3, rel=1e-4)


def test_what_is_recorded_can_be_read(tmp_path: Path) -> None:
    """A file that is written whole, one series a line; nothing is left beside it."""
    path = tmp_path / "against-x.json"
    entry = {"benchmark": "b", "slowdown": 0.15, "log_ratios": [0.1, 0.2]}
    record.write(path, {"cores": 2, "note": "n", "series": [entry, entry]})
    assert json.loads(path.read_text(encoding="utf-8"))["series"] == [entry, entry]
    assert [one.slowdown for one in read_series([path])] == [0.15, 0.15]
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_keeps_the_sessions_that_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"benchmark": "short texts", "slowdown": 0.0, "log_ratios": [0.0]}
    sessions = iter([[one]])

    def session(_: object) -> list[dict[str, object]]:
        if found := next(sessions, None):
            return found
        raise KeyboardInterrupt

    file = tmp_path / "against-x.json"
    monkeypatch.setattr(record, "session", session)
    monkeypatch.setattr("sys.argv", ["record", str(file)])
    with pytest.raises(SystemExit, match=r"record: stopped; .*against-x.json has the sessions that ended"):
        record.main()
    assert len(read_series([file])) == 1
    with pytest.raises(SystemExit, match="is there already; name a new one"):
        record.main()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
