"""The rounds of a comparison: what is measured, how often, and in how many processes.

A process has a speed of its own, a few per cent from the next one's, for as long as it lives. So the trees
are started anew every few rounds: each generation has other processes, and draws other texts.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.against.generation import Benchmark, Generation, Measured, Timed
from benchmarks.harness.plan import SHORT
from embedding_gate.adapter import ERRORS

__all__ = ["BENCHMARKS", "GENERATIONS", "ROUNDS", "measure"]

# So that a tree as fast as the other is hardly ever red, and one 15 % slower nearly always is: see
# benchmarks/README.md.
GENERATIONS, ROUNDS = 5, 4
CALL = 0.05  # seconds that one turn of a tree should last: as many calls as that takes

BENCHMARKS = (
    Benchmark("short texts", 16, SHORT),
    Benchmark("longer texts", 2, 128),
    Benchmark("one text", 1, SHORT),
    Benchmark("cached lookup", 32, SHORT, cached=True),
)


def measure(
    open_arms: Callable[[], AbstractContextManager[Sequence[Timed]]],
    benchmarks: Iterable[Benchmark] = BENCHMARKS,
    *,
    generations: int = GENERATIONS,
    rounds: int = ROUNDS,
    seed: str = "",
    call: float = CALL,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, Measured]:
    """Time each benchmark for so many rounds in each of so many generations.

    open_arms: starts the processes of one generation, the base first.

    Raises:
        GateError: a tree cannot be started.

    """
    found = [Measured(one) for one in benchmarks]
    for number in range(generations):
        with open_arms() as arms:
            one = Generation(arms, f"{seed} {number}", call, clock)
            turns = [
                partial(one.round, number=turn) for turn in range(number * rounds, (number + 1) * rounds)
            ]
            _live(found, [one.warm_up, *turns, one.audit])
    for measured in found:
        measured.faults += [] if measured.faults else measured.repeats()
    return {measured.benchmark.name: measured for measured in found}


def _live(found: Iterable[Measured], steps: Iterable[Callable[[Measured], None]]) -> None:
    """Take each step with each benchmark in turn: the rounds of one are spread over the generation."""
    for step in steps:
        for one in found:
            if one.faults:
                continue  # what it did was no measurement, and is not going to be
            try:
                step(one)
            except ERRORS as error:
                one.faults.append(str(error))
