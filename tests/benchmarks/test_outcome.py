"""The last line of a run of the benchmarks: the verdict, and the figure that it rests on."""

from dataclasses import replace

import pytest

from benchmarks.against.comparison import Comparison, Row
from benchmarks.against.paired import Ratio
from benchmarks.harness.outcome import last_line
from embedding_gate.metrics.vector_change import VectorChange
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Verdict
from tests.support.verdicts import green

SLOW = Verdict("first round", 1.82, "<= 1.5", 0.82, "FAIL")
SLOWER = Verdict("repeated texts", 1.3, "<= 1.1", 0.85, "FAIL")


def gate_of(model: str, *verdicts: Verdict) -> Gate:
    gate = Gate(model, {})
    gate.verdicts += verdicts
    return gate


@pytest.mark.parametrize(
    ("gates", "reasons", "exit_code", "words"),
    [
        ([gate_of("a", green("roofline"))], [], 0, "PASS: the measurements of a keep the rules"),
        (
            [gate_of("a", green("roofline"), SLOWER, SLOW), gate_of("b", SLOW)],
            ["c"],
            1,
            "FAIL: the audit 'first round' measured 1.82, required <= 1.5, of a; red too: b (benchmarks/READ",
        ),
        ([gate_of("a", green("roofline"))], ["c", "d"], 1, "FAIL: c (and 1 more)"),
        ([gate_of("a", green("roofline"))], [], 1, "FAIL: a benchmark failed; see above"),
        ([], [], 2, "NO VERDICT: the run was broken off; run it again"),
    ],
)
def test_a_run_of_the_benchmarks(gates: list[Gate], reasons: list[str], exit_code: int, words: str) -> None:
    line = last_line({gate.model: gate for gate in gates}, reasons, exit_code)
    assert line.startswith(words)
    assert "\n" not in line


PASSED = Row("one text", "time", Ratio(1.0, 0.9, 1.1), Ratio(1.0, 0.9, 1.1), 0.1, "pass")
FAILED = replace(PASSED, ratio=Ratio(1.2, 1.18, 1.23), outcome="FAIL", evidence="slower: surely 18% to 23%")
WORSE = replace(FAILED, benchmark="long texts", ratio=Ratio(1.5, 1.4, 1.6))
BROKEN = replace(PASSED, ratio=None, outcome="ERROR", evidence="half of the tokens")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ((PASSED,), "PASS: none of 1 benchmarks is surely slower than main"),
        (
            (PASSED, BROKEN, FAILED, WORSE),
            "FAIL: long texts takes 1.500 (1.400 to 1.600) times as long as main, "
            "at most 1.10 times is allowed (and 2 more)",
        ),
        ((PASSED, BROKEN), "FAIL: one text: half of the tokens"),
    ],
)
def test_a_comparison(rows: tuple[Row, ...], line: str) -> None:
    vectors = VectorChange.__new__(VectorChange)  # its figures are not in this line
    assert Comparison("main", "abc", "m", 30, rows, vectors).last_line == line
