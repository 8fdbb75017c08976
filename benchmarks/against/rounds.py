"""The rounds of a comparison: the benchmarks, the number of rounds, and the number of processes.

The speed of a process differs by a few per cent from the speed of another process, as long as both run. So
new processes of the trees are started every few rounds: each generation has new processes and new texts.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial

from benchmarks.against.generation import Benchmark, Generation, Measured, Timed
from benchmarks.harness.plan import SHORT
from embedding_gate.adapter import ERRORS

__all__ = ["BENCHMARKS", "GENERATIONS", "ROUNDS", "measure"]

# With these numbers, a tree of the same speed is hardly ever red, and a tree that is 15 % slower is nearly
# always red: see benchmarks/README.md.
GENERATIONS, ROUNDS = 5, 4
CALL = 0.05  # seconds that one turn of a tree should last; the number of calls follows from it

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
    """Time each benchmark for ``rounds`` rounds in each of ``generations`` generations.

    open_arms: starts the processes of one generation; the first is the process of the base tree.

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
    """Do each step for every benchmark before the next step.

    So the rounds of a benchmark are spread over the whole generation.
    """
    for step in steps:
        for one in found:
            if one.faults:
                continue  # a rule was broken, so this benchmark gives no measurement
            try:
                step(one)
            except ERRORS as error:
                one.faults.append(str(error))
