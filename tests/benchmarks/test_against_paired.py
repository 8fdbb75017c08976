"""Paired ratios, thresholds, verdicts and reruns, on planted ratios."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.against.comparison import Comparison, Row, rows_of, settled
from benchmarks.against.error_rates import WHOLE
from benchmarks.against.generation import Benchmark, Measured
from benchmarks.against.paired import paired
from benchmarks.against.rounds import BENCHMARKS
from benchmarks.against.thresholds import FILE, binding_thresholds, read_thresholds
from embedding_gate import own_files
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.vector_change import VectorChange

SHORT = Benchmark("short", 4, 8)
SAME = VectorChange(identical=True, texts=9, least_cosine=1.0, worst="", moved=(), neighbours_changed=0)


def noise(slowdown: float, seed: int = 0, spread: float = 0.03) -> NDArray[np.float64]:
    """Make the logarithms of a block's ratios."""
    return np.asarray(np.log1p(slowdown) + np.random.default_rng(seed).normal(0, spread, WHOLE))


def measured(ours: Sequence[float], again: Sequence[float], *faults: str) -> Measured:
    """Make what would have been measured, from logarithms of ratios."""
    one = Measured(SHORT, faults=list(faults))
    for name, logs in (("base", [0.0] * len(ours)), ("ours", ours), ("again", again)):
        one.seconds[name] = [(math.exp(log), math.exp(log)) for log in logs]
    return one


def row(ours: Sequence[float], again: Sequence[float] = (), *faults: str) -> Row:
    """Judge one benchmark by a threshold of 10 %."""
    found = {"short": measured(ours, again if len(again) else noise(0, 1).tolist(), *faults)}
    return rows_of(found, {"short": 0.1}, "ours", "base", "again")[0]


def test_the_median_and_its_interval() -> None:
    """It holds the true ratio about as often as it says, in blocks of as many rounds as a run has."""
    found = [paired(noise(0.15, seed)) for seed in range(400)]
    assert found[0].ratio == pytest.approx(math.exp(np.median(noise(0.15))))
    held = np.mean([one.low <= 1.15 <= one.high for one in found])
    assert 0.87 <= held <= 0.93  # 0.9025 measured
    assert paired(noise(0.15)) == found[0]  # seeded


def test_one_wild_round_moves_little() -> None:
    logs = noise(0)
    wild = np.r_[logs[:-1], 3.0]
    assert paired(wild).ratio == pytest.approx(paired(logs).ratio, rel=0.02)
    assert not paired(wild).slower(0.1)


@pytest.mark.parametrize(
    ("slowdown", "outcome", "words"),
    [
        (0.20, "FAIL", r"slower: surely 1\d% to 2\d% more time"),
        (0.11, "pass", ""),  # the median lies beyond the threshold, the interval on both sides
        (0.00, "pass", ""),
        (-0.20, "pass", r"faster: surely 2\d% to 2\d% less time"),
    ],
)
def test_red_only_where_the_whole_interval_is(slowdown: float, outcome: str, words: str) -> None:
    found = row(noise(slowdown).tolist())
    assert found.outcome == outcome
    assert found.red == (outcome != "pass")
    assert re.fullmatch(words, found.evidence)
    assert found.ratio
    assert (found.ratio.ratio > 1.1) == (slowdown > 0.1)


def test_a_machine_that_cannot_tell_is_an_error() -> None:
    """The same tree is as far from itself, in either direction, whatever this tree's ratio is."""
    for slowdown in (0.2, -0.2):
        found = row(noise(0).tolist(), noise(slowdown).tolist())
        assert found.outcome == "ERROR"
        assert "base beside itself: " in found.evidence


def test_a_broken_rule_is_an_error_however_fast() -> None:
    found = row(noise(-0.9).tolist(), (), "ours: real tokens: 16 of 32 were worked on")
    assert found.outcome == "ERROR"
    assert found.evidence == "ours: real tokens: 16 of 32 were worked on"
    nothing = rows_of({"short": Measured(SHORT)}, {"short": 0.1}, "ours", "base", "again")[0]
    assert nothing.outcome == "ERROR"
    assert nothing.as_data()["ratio"] is None


def test_only_twice_red_is_red() -> None:
    slow, fine = row(noise(0.2).tolist()), row(noise(0).tolist())
    asked: list[list[str]] = []

    def rerun(found: Row) -> list[Row]:
        def again(names: list[str]) -> list[Row]:
            asked.append(names)
            return [found]

        return settled([slow], again)

    (red,), (green,) = rerun(slow), rerun(fine)
    assert asked == [["short"], ["short"]]
    assert (red.outcome, red.confirmed) == ("FAIL", True)
    assert (green.outcome, green.confirmed) == ("pass", False)
    assert green.evidence.startswith("FAIL once, and not again: slower: ")

    def never(_: list[str]) -> list[Row]:
        raise AssertionError

    assert settled([fine], never) == [fine]
    assert fine.confirmed is None


def test_the_record_is_plain_json() -> None:
    rows = (row(noise(0.2).tolist()), row([], (), "its process stopped"))
    found = Comparison("main", "0" * 40, "m", WHOLE, rows, SAME, ("a note",))
    data = json.loads(json.dumps(found.as_data(), allow_nan=False))
    assert set(data["rows"][0]) == {
        *(
            "benchmark",
            "unit",
            "ratio",
            "low",
            "high",
            "threshold",
            "outcome",
            "confirmed",
            "evidence",
            "control",
        )
    }
    assert data["rows"][0]["low"] > data["rows"][0]["threshold"] == pytest.approx(1.1)
    assert data["rows"][1]["low"] is None
    assert data["rows"][0]["control"].keys() == {"ratio", "low", "high"}
    assert data["vectors"] == {
        "identical": True,
        "texts": 9,
        "least_cosine": 1.0,
        "moved": [],
        "neighbours_changed": 0,
    }
    assert found.red == list(rows)


def test_the_table() -> None:
    """A control row beneath each, what is said beneath, and whether the vectors are the same."""
    faster = row(noise(-0.2).tolist())
    lines = Comparison("main", "0" * 40, "m", WHOLE, (faster,), SAME).table()
    assert lines[0] == f"m against main (000000000000): 1 passed; {WHOLE} rounds"
    assert lines[2].split()[:6] == ["short", "time", "of", "4", "x", "8"]
    assert lines[3].split()[0] == "control"
    assert lines[4].startswith("  short: faster: surely ")
    assert lines[5] == "  vectors: identical, bit for bit, of 9 texts"
    slower = Comparison("main", "0" * 40, "m", WHOLE, (faster, row(noise(0.2).tolist())), SAME).table()
    assert "1 of 2 RED" in slower[0]


NAMES = ["short", "long"]


@pytest.mark.parametrize("named", ["thresholds", "bars"])  # the latter in older revisions
def test_thresholds_of_a_file(tmp_path: Path, named: str) -> None:
    path = tmp_path / "against.toml"
    path.write_text(f"default = 0.1\n[{named}]\nlong = 0.2\n", encoding="utf-8")
    assert read_thresholds(path, NAMES) == {"short": 0.1, "long": 0.2}
    names = [one.name for one in BENCHMARKS]
    assert set(read_thresholds(own_files.ROOT / FILE, names)) == set(names)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "default = 0",
        "default = 1.5",
        "default = nan",
        'default = "x"',
        "default = 0.1\nmore = 1",
        "default = 0.1\n[thresholds]\nno-such = 0.1",
        "default = 0.1\nbars = 1",
        "default = 0.1\n[bars]\nlong = 0.2\n[thresholds]",
        "not toml",
    ],
)
def test_malformed_thresholds(tmp_path: Path, text: str) -> None:
    path = tmp_path / "against.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FixtureError, match=r"against.toml: malformed \(.*\); restore the file"):
        read_thresholds(path, NAMES)


def test_the_thresholds_of_the_other_revision_bind(tmp_path: Path) -> None:
    """A branch that widens its own is judged by those that it began from, and the reader is told."""
    for name, threshold in (("base", 0.1), ("ours", 0.9), ("none", None)):
        (tmp_path / name / "fixtures").mkdir(parents=True)
        if threshold:
            (tmp_path / name / FILE).write_text(f"default = {threshold}\n", encoding="utf-8")
    thresholds, notes = binding_thresholds(tmp_path / "base", tmp_path / "ours", NAMES)
    assert thresholds == {"short": 0.1, "long": 0.1}
    assert notes == [f"{FILE} changed (short, long): the other revision's thresholds bind"]
    assert binding_thresholds(tmp_path / "none", tmp_path / "base", NAMES) == (
        thresholds,
        [f"{FILE} is new: its own thresholds bind"],
    )
    assert binding_thresholds(tmp_path / "base", tmp_path / "base", NAMES) == (thresholds, [])
