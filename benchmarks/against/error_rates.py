"""Computes how often the comparison is wrong: ``python -m benchmarks.against.error_rates``.

It reads recorded sessions. A run is a block of rounds. Runs share no rounds. If a block is red, the next
block is its rerun. A false alarm is a red run that compares a tree with itself. It is also counted if the
same tree is faster by more than the threshold, because the control would then be red. Power is the share of
red runs of a tree that was really made slower. Intervals are exact: Clopper and Pearson (1934), 95 %.
"""

import argparse
import json
import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.against.paired import paired
from benchmarks.against.rounds import GENERATIONS, ROUNDS
from embedding_gate.errors import FixtureError
from embedding_gate.own_files import ROOT
from embedding_gate.text_table import aligned

__all__ = ["Rate", "clopper_pearson", "read_series", "runs_of", "tables"]

THRESHOLD, CONFIDENCE = 0.10, 0.95
HEAD = ("planted", "rounds of a block", "runs", "red", "share", "95 %", "rounds a run takes")
WHOLE = GENERATIONS * ROUNDS  # the number of rounds of a comparison
BLOCKS = (WHOLE // 4, WHOLE // 2, WHOLE)
RECORDED = ROOT / "benchmarks" / "results"


@dataclass(frozen=True)
class Series:
    """Logarithms (R,) of the ratios of the rounds of a session.

    slowdown: the share by which the tree was made slower; 0 means the same tree.
    Sessions that were recorded one after the other may be joined, because each round uses the processes of
    its own generation.
    """

    benchmark: str
    slowdown: float
    log_ratios: NDArray[np.float64]


@dataclass(frozen=True)
class Rate:
    """The number of runs, of red runs, and of rounds of all runs together."""

    runs: int
    red: int
    rounds: int

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.runs + other.runs, self.red + other.red, self.rounds + other.rounds)


def clopper_pearson(red: int, runs: int) -> tuple[float, float]:
    """Return the exact 95 % interval of the probability of a red run, from ``red`` red runs of ``runs``.

    At the lower end, ``red`` or more red runs have a probability of 2.5 %. At the upper end, ``red`` or fewer
    have this probability. Both ends are found by bisection.
    """
    tail = (1 - CONFIDENCE) / 2

    def at_most(count: int, p: float) -> float:
        return math.fsum(math.comb(runs, k) * p**k * (1 - p) ** (runs - k) for k in range(count + 1))

    low = _root(lambda p: at_most(red - 1, p) > 1 - tail) if red else 0.0
    high = _root(lambda p: at_most(red, p) > tail) if red < runs else 1.0
    return low, high


def _root(before: Callable[[float], bool]) -> float:
    """Return the point between 0 and 1 where the condition ``before`` stops being true."""
    low, high = 0.0, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return low


def read_series(paths: Iterable[Path]) -> list[Series]:
    """Read recorded sessions.

    Raises:
        FixtureError: a file is missing or malformed.

    """
    found = []
    for path in paths:
        try:
            for one in json.loads(path.read_text(encoding="utf-8"))["series"]:
                ratios = np.array(one["log_ratios"], dtype=np.float64)
                if ratios.ndim != 1 or not np.isfinite(ratios).all():
                    raise ValueError("log_ratios must be finite numbers")
                found.append(Series(str(one["benchmark"]), float(one["slowdown"]), ratios))
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise FixtureError(path, f"malformed ({error!r})", hint="record it again") from error
    return found


def runs_of(series: Sequence[Series], rounds: int, threshold: float = THRESHOLD) -> Rate:
    """Count the runs of one benchmark at one slowdown, in blocks of ``rounds`` rounds.

    The last block serves only as a rerun, because no block follows that could be its own rerun.
    """
    logs = np.concatenate([one.log_ratios for one in series])
    blocks = [logs[start : start + rounds] for start in range(0, len(logs) - rounds + 1, rounds)]
    rate, place = Rate(0, 0, 0), 0
    while place < len(blocks) - 1:
        red = _red(blocks[place], series[0].slowdown, threshold)
        confirmed = red and _red(blocks[place + 1], series[0].slowdown, threshold)
        blocks_taken = 2 if red else 1
        rate += Rate(1, int(confirmed), rounds * blocks_taken)
        place += blocks_taken
    return rate


def _red(block: NDArray[np.float64], slowdown: float, threshold: float) -> bool:
    ratio = paired(block)
    return ratio.slower(threshold) if slowdown else ratio.apart(threshold)


def tables(series: Sequence[Series], blocks: Sequence[int]) -> list[str]:
    """Return the rates of all benchmarks together by slowdown and rounds, then of each benchmark."""
    names = list(dict.fromkeys(one.benchmark for one in series))
    slowdowns = sorted({one.slowdown for one in series})
    rates = {
        (name, slowdown, rounds): runs_of(of, rounds)
        for name in names
        for slowdown in slowdowns
        for rounds in blocks
        if (of := [one for one in series if (one.benchmark, one.slowdown) == (name, slowdown)])
    }

    def total(slowdown: float, rounds: int) -> Rate:
        found = (rate for (_, *key), rate in rates.items() if key == [slowdown, rounds])
        return sum(found, Rate(0, 0, 0))

    whole: list[tuple[str, ...]] = [HEAD]
    whole += [
        _cells(slowdown, rounds, total(slowdown, rounds)) for slowdown in slowdowns for rounds in blocks
    ]
    each: list[tuple[str, ...]] = [("benchmark", *HEAD)]
    each += [
        (name, *_cells(slowdown, rounds, rate))
        for (name, slowdown, rounds), rate in rates.items()
        if rounds == WHOLE
    ]
    right = range(1, len(HEAD) + 1)
    return [*aligned(whole, right=right), "", *aligned(each, right=range(2, len(HEAD) + 1))]


def _cells(slowdown: float, rounds: int, rate: Rate) -> tuple[str, ...]:
    planted = f"{slowdown:.0%} slower" if slowdown else "nothing (A/A)"
    if not rate.runs:
        return planted, str(rounds), "0", "-", "-", "-", "-"
    low, high = clopper_pearson(rate.red, rate.runs)
    shown = (f"{rate.red / rate.runs:.1%}", f"{low:.1%} to {high:.1%}", f"{rate.rounds / rate.runs:.0f}")
    return planted, str(rounds), str(rate.runs), str(rate.red), *shown


def main() -> None:
    """Print the tables. If there is nothing to read, print one line to stderr and exit with code 1."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.against.error_rates", description=__doc__)
    parser.add_argument(
        "files", type=Path, nargs="*", help="default: all of benchmarks/results/against-*.json"
    )
    parser.add_argument("--blocks", type=int, nargs="+", default=BLOCKS, help="rounds of a block")
    options: Any = parser.parse_args()
    if min(options.blocks) < 1:
        parser.error("--blocks: must be at least 1")
    try:
        found = read_series(options.files or sorted(RECORDED.glob("against-*.json")))
    except FixtureError as error:
        sys.exit(str(error))
    if not found:
        sys.exit(f"{RECORDED}: no against-*.json; run python -m benchmarks.against.record FILE")
    print("\n".join(tables(found, options.blocks)))


if __name__ == "__main__":
    main()
