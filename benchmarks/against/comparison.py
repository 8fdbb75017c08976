"""Compares one tree with another: rows, a control for each row, and a rerun of the red rows.

A row is red in three cases. First: the whole interval of its ratio lies beyond the threshold. Second: a tree
breaks a rule of the measurements. Third: the whole interval of the control lies beyond the threshold. The
control compares the other revision with itself, so the measurement then proves nothing. A red row counts only
if a rerun with new processes and new texts is red again.
"""

import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from benchmarks.against.arms import open_arms
from benchmarks.against.generation import Benchmark, Measured
from benchmarks.against.paired import Ratio, paired
from benchmarks.against.rounds import BENCHMARKS, GENERATIONS, ROUNDS, measure
from benchmarks.against.thresholds import binding_thresholds
from benchmarks.against.trees import Tree, checked_out
from embedding_gate.data.sets import Sets
from embedding_gate.git import commit_of
from embedding_gate.metrics.vector_change import VectorChange, change
from embedding_gate.own_files import ROOT
from embedding_gate.subjects.embedded import embed_sets
from embedding_gate.text_table import aligned

__all__ = ["Comparison", "Row", "compare", "rows_of", "settled"]

OURS = "this tree"
HEAD = ("benchmark", "measured", "this tree / other", "90 %", "threshold", "verdict")


@dataclass(frozen=True)
class Row:
    """The result of one benchmark.

    ratio: the time of this tree divided by the time of the other tree. control: the time of the other tree in
    a second process divided by its time in the first process. Both are None if a rule was broken, because
    then there is nothing to compare.
    threshold: the share by which the time of this tree may be larger.
    confirmed: whether a rerun found the row red again; None if there was no rerun.
    """

    benchmark: str
    unit: str
    ratio: Ratio | None
    control: Ratio | None
    threshold: float
    outcome: Literal["pass", "FAIL", "ERROR"]
    confirmed: bool | None = None
    evidence: str = ""

    @property
    def red(self) -> bool:
        """Whether the row fails the run."""
        return self.outcome != "pass"

    def as_data(self) -> dict[str, Any]:
        """Return the row as plain JSON."""
        verdict = {"threshold": 1 + self.threshold, "outcome": self.outcome, "confirmed": self.confirmed}
        named = {"benchmark": self.benchmark, "unit": self.unit, "evidence": self.evidence}
        return named | _ratio_data(self.ratio) | {"control": _ratio_data(self.control)} | verdict

    def __str__(self) -> str:
        beside = f"{self.ratio}, at most {1 + self.threshold:.2f}" if self.ratio else "not measured"
        return f"{self.benchmark}: {beside}: {self.outcome}" + (f"; {self.evidence}" if self.evidence else "")


@dataclass(frozen=True)
class Comparison:
    """The result of a comparison.

    commit: the commit of the revision. rounds: the number of rounds of each measurement. notes: further facts
    that the reader must know.
    """

    revision: str
    commit: str
    model: str
    rounds: int
    rows: tuple[Row, ...]
    vectors: VectorChange
    notes: tuple[str, ...] = ()

    @property
    def red(self) -> list[Row]:
        """The rows that fail the run."""
        return [row for row in self.rows if row.red]

    def as_data(self) -> dict[str, Any]:
        """Return the value of "against" in the record of a report, as plain JSON.

        A threshold is the largest ratio that passes.
        """
        return {
            "revision": self.revision,
            "commit": self.commit,
            "model": self.model,
            "rounds": self.rounds,
            "rows": [row.as_data() for row in self.rows],
            "vectors": self.vectors.as_data(),
            "notes": list(self.notes),
        }

    @property
    def last_line(self) -> str:
        """The result in one sentence: the ratio of the slowest benchmark, or what is wrong with the first."""
        if not self.red:
            return f"PASS: none of {len(self.rows)} benchmarks is surely slower than {self.revision}"
        slower = [row for row in self.red if row.outcome == "FAIL" and row.ratio]
        first = max(slower, key=lambda row: row.ratio.ratio if row.ratio else 0.0, default=self.red[0])
        more = f" (and {len(self.red) - 1} more)" if len(self.red) > 1 else ""
        told = f"{first.benchmark}: {first.evidence}"
        if slower:
            longest = f"at most {1 + first.threshold:.2f} times is allowed"
            told = f"{first.benchmark} takes {first.ratio} times as long as {self.revision}, {longest}"
        return f"FAIL: {told}{more}"

    def table(self) -> list[str]:
        """Return the lines that the terminal shows."""
        verdict = f"{len(self.red)} of {len(self.rows)} RED" if self.red else f"{len(self.rows)} passed"
        cells = [HEAD]
        for row in self.rows:
            cells.append(
                (row.benchmark, row.unit, *_cells(row.ratio), f"<= {1 + row.threshold:.2f}", row.outcome)
            )
            cells.append(("  control", "the other again", *_cells(row.control), "", ""))
        lines = aligned(cells, right=(2,))
        beneath = [f"  {row.benchmark}: {row.evidence}" for row in self.rows if row.evidence]
        return [
            f"{self.model} against {self.revision} ({self.commit[:12]}): {verdict}; {self.rounds} rounds",
            *lines,
            *beneath,
            *self.vectors.lines(),
            *(f"  {note}" for note in self.notes),
        ]


def rows_of(
    found: Mapping[str, Measured], thresholds: Mapping[str, float], arm: str, base: str, again: str
) -> list[Row]:
    """Judge the measurements.

    arm: the name of this tree's arm. base, again: the names of the two arms of the other tree.
    """
    return [_judged(one, thresholds[name], arm, base, again) for name, one in found.items()]


def settled(rows: Sequence[Row], rerun: Callable[[list[str]], Iterable[Row]]) -> list[Row]:
    """Rerun the red benchmarks and return the final rows: a benchmark is red if it is red twice.

    ``rerun`` is not called if no benchmark is red.
    """
    red = [row.benchmark for row in rows if row.red]
    second = {row.benchmark: row for row in rerun(red)} if red else {}
    return [_settled(row, second[row.benchmark]) if row.red else row for row in rows]


def compare(
    revision: str,
    model: str,
    options: Sequence[str],
    sets: Sets,
    *,
    root: Path = ROOT,
    benchmarks: Sequence[Benchmark] = BENCHMARKS,
    generations: int = GENERATIONS,
) -> Comparison:
    """Compare the tree in ``root`` with a revision of its repository.

    options: the options of the model, for ``tree_worker``. sets: the texts whose vectors are compared.

    Raises:
        EmbeddingsError: the revision cannot be checked out, or one of the trees cannot be run.

    """
    commit, again = commit_of(root, revision), f"{revision}, again"
    with checked_out(commit, root) as base:
        thresholds, notes = binding_thresholds(base.path, root, [one.name for one in benchmarks])
        trees = [(revision, base), (OURS, Tree(OURS, root)), (again, base)]

        def judge(names: Collection[str]) -> list[Row]:
            start = partial(open_arms, trees, [model, *options])
            some = [one for one in benchmarks if one.name in names]
            found = measure(start, some, generations=generations, seed=secrets.token_hex(8))
            return rows_of(found, thresholds, OURS, revision, again)

        rows = settled(judge([one.name for one in benchmarks]), judge)
        with open_arms(trees[:2], [model, *options]) as arms:
            before, after = (embed_sets(arm, sets) for arm in arms)
    vectors = change(before, after, sets)
    return Comparison(revision, commit, model, generations * ROUNDS, tuple(rows), vectors, tuple(notes))


def _judged(one: Measured, threshold: float, arm: str, base: str, again: str) -> Row:
    shown = one.benchmark
    if one.faults or not one.seconds:
        evidence = "; ".join(one.faults) or "no round was timed"
        return Row(shown.name, shown.unit, None, None, threshold, "ERROR", evidence=evidence)
    ratio, control = (paired(one.log_ratios(name, base)) for name in (arm, again))
    row = Row(shown.name, shown.unit, ratio, control, threshold, "pass")
    if control.apart(threshold):
        why = f"{base} beside itself: {control}: this machine cannot tell now; run it on a quieter one"
        return replace(row, outcome="ERROR", evidence=why)
    if ratio.slower(threshold):
        return replace(row, outcome="FAIL", evidence=f"slower: {_percent(ratio)} more time")
    if ratio.high < 1:
        return replace(row, evidence=f"faster: {_percent(ratio)} less time")
    return row


def _percent(ratio: Ratio) -> str:
    low, high = sorted((abs(ratio.low - 1), abs(ratio.high - 1)))
    return f"surely {low:.0%} to {high:.0%}"


def _settled(first: Row, second: Row) -> Row:
    confirmed = second.red
    before = f"{first.outcome} before" if confirmed else f"{first.outcome} once, and not again"
    told = f"{before}: {first.evidence}"
    return replace(second, confirmed=confirmed, evidence="; ".join(filter(None, (second.evidence, told))))


def _ratio_data(ratio: Ratio | None) -> dict[str, float | None]:
    return {name: getattr(ratio, name, None) for name in ("ratio", "low", "high")}


def _cells(ratio: Ratio | None) -> tuple[str, str]:
    return (f"{ratio.ratio:.3f}x", f"{ratio.low:.3f} to {ratio.high:.3f}") if ratio else ("-", "-")
