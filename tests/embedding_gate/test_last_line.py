"""The table keeps to 100 columns, and the last line says the verdict and what to do next."""

import io
from collections.abc import Mapping
from threading import Event

import pytest

from embedding_gate.progress import waiting
from embedding_gate.text_table import WIDTH, wrapped
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.last_line import last_line
from embedding_gate.verdicts.table import gate_table
from embedding_gate.verdicts.thresholds import Outcome, Verdict

PASSED = {"norm": "pass", "parity": "pass"}


def gate_of(model: str, outcomes: Mapping[str, str], measured: float = 0.1) -> Gate:
    gate = Gate(model, {})
    for check, outcome in outcomes.items():
        found: Outcome = outcome  # type: ignore[assignment]
        gate.verdicts.append(
            Verdict(check, measured, "<= 0.2", 0.5 if outcome == "FAIL" else 2, found, "why")
        )
    return gate


@pytest.mark.parametrize(
    ("outcomes", "failures", "run", "words"),
    [
        (PASSED, [], {}, "PASS: 2 checks of m passed; nothing is left to do"),
        (
            PASSED | {"task": "not offered"},
            [],
            {},
            "PASS: 2 checks of m passed; not offered: 1 (see above)",
        ),
        (PASSED | {"task": "not applicable"}, [], {}, "PASS: 2 checks of m passed; nothing"),
        (
            PASSED | {"task": "not calibrated"},
            [],
            {},
            "PASS: 2 checks of m passed, 1 could not be judged; docs",
        ),
        (
            PASSED,
            [],
            {"partial": True},
            "PASS of a part: 2 checks of m passed, others were not made; for a ver",
        ),
        (PASSED, ["a", "b"], {}, "FAIL: a (and 1 more)"),
        (PASSED, ["a"], {"partial": True}, "FAIL: a"),
        (
            PASSED | {"task": "FAIL"},
            ["a"],
            {},
            "FAIL: 1 of 3 checks of m are red; begin with the first row of it",
        ),
        (PASSED | {"task": "ERROR"}, [], {"partial": True}, "FAIL: 1 of 3 checks of m are red; begin"),
        (
            PASSED | {"task": "FAIL"},
            [],
            {"finished": False},
            "NO VERDICT: the run was broken off; run it again",
        ),
    ],
)
def test_verdicts(outcomes: dict[str, str], failures: list[str], run: dict[str, bool], words: str) -> None:
    line = last_line([gate_of("m", outcomes)], failures, **run)
    assert line.startswith(words)
    assert "\n" not in line


def test_several_models() -> None:
    green, red = gate_of("a", PASSED), gate_of("b", {"norm": "pass", "parity": "FAIL"})
    other = gate_of("c", {"norm": "FAIL"})
    assert "1 of 2 checks of b are red, and so are other models: c; begin" in last_line([green, red, other])
    assert "4 checks of a, d passed" in last_line([green, gate_of("d", PASSED)])
    assert last_line([], partial=True).startswith("NO VERDICT: no check was selected")


def test_rows_keep_to_the_width_and_the_red_ones_are_first() -> None:
    """Whatever the user's topics are called, and however long the evidence is."""
    outcomes = {
        "cohesion": "pass",
        "similarity within topics: " + "long " * 20: "not applicable",
        "norm": "FAIL",
    }
    gate = gate_of("m", outcomes, measured=-1.23456e-300)
    gate.verdicts[2] = Verdict(
        "norm", 1.0, "-1.235e-05 to 1.235e-05", 0.5, "FAIL", "worst: " + "a word " * 40
    )
    title, header, first, *rest = gate_table(gate, "m")
    assert "norm" in first
    assert max(map(len, (title, header, first, *rest))) <= WIDTH
    assert sum(line.count("word") for line in rest) == 40
    assert sum("similarity within topics:" in line and "…" in line for line in rest) == 1


def test_a_path_is_not_broken() -> None:
    assert wrapped("  " + "x" * 200) == ["  " + "x" * 200] or wrapped("  " + "x" * 200)[-1].endswith(
        "x" * 200
    )
    assert wrapped("") == [""]


class Terminal(io.StringIO):
    """A terminal, or a file in its place. shown: an event that follows some words."""

    def __init__(self, *, real: bool) -> None:
        super().__init__()
        self.real, self.shown = real, Event()

    def isatty(self) -> bool:
        """Tell whether it is one."""
        return self.real

    def write(self, text: str) -> int:
        """Write, and tell who waits for the words."""
        if "many calls: 00:0" in text:
            self.shown.set()
        return super().write(text)


@pytest.mark.parametrize("real", [True, False])
def test_waiting_is_shown_on_a_terminal_alone(monkeypatch: pytest.MonkeyPatch, *, real: bool) -> None:
    terminal = Terminal(real=real)
    monkeypatch.setattr("sys.stderr", terminal)
    with waiting("many calls", after=0, every=0.001):
        assert not real or terminal.shown.wait(60)
    assert real or not terminal.getvalue()


def test_what_is_quick_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(real=True)
    monkeypatch.setattr("sys.stderr", terminal)
    with waiting("one call", after=60):
        pass
    assert not terminal.getvalue()


def test_what_judged_nothing_stands_together() -> None:
    outcomes = {"a": "not applicable", "b": "not calibrated", "c": "FAIL", "d": "not applicable"}
    rows = [line.split()[0] for line in gate_table(gate_of("m", outcomes), "m")[2:] if line[2] != " "]
    assert rows[:4] == ["c", "b", "a", "d"]
