"""What share of random faults dies: ``python -m tests.faults.random_faults`` (``make random-faults``).

Four kinds of fault are drawn by seed. The check that is there for each judges it, at full effort, until the
first call that fails.

1. size: in a call of exactly n texts, or in a batch of exactly n rows, one vector is wrong. n is uniform over
   1 to 512. "call sizes" judges it.
2. threads: with 16 or more threads alive, each vector is zeroed with some probability. "many threads" judges
   it.
3. chance: each vector is zeroed with some probability, in any call. "call sizes" judges it.
4. uptime: after n calls all vectors are zeros. n is uniform over 1 to 2,000. "many calls" judges it.

A share is given with its exact interval of 95 % (Clopper and Pearson 1934). The run fails where fewer die
than are asked for. A share that nothing is asked of is printed all the same: it says what is not seen.
"""

import argparse
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedding_gate.adapter import open_subject
from embedding_gate.checks import test_call_shapes
from embedding_gate.session import open_gate
from embedding_gate.subjects.calls import Call
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.live import Subject
from embedding_gate.text_table import aligned
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embeddings.catalog import DEFAULT_MODEL
from tests.faults.registry import Patch
from tests.faults.seams import Batch, change_batches, replace_encode

__all__ = ["KINDS", "Kind", "Rate", "main", "rates_of"]

LARGEST, LAST_CALL = 512, 2_000

Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Kind:
    """A kind of random faults.

    test: the check that is there for it. inject: injects a fault by its seed, and returns the number that it
    strikes at. seeds: how many runs.
    classes: name, first and last number, and the least share of the faults with these numbers that must die.
    """

    name: str
    test: Callable[[Subject, Gate], None]
    inject: Callable[[Patch, int], int]
    seeds: int
    classes: tuple[tuple[str, int, int, float], ...]


@dataclass(frozen=True)
class Rate:
    """How many faults of a class died."""

    name: str
    least: float
    died: tuple[bool, ...]

    @property
    def enough(self) -> bool:
        """Whether as many died as are asked for."""
        return not self.died or bool(np.mean(self.died) >= self.least)

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """What the table shows."""
        died, runs = sum(self.died), len(self.died)
        low, high = binomtest(died, runs).proportion_ci(method="exact") if runs else (0.0, 1.0)
        share = f"{died / runs:.1%} ({low:.1%} to {high:.1%})" if runs else "-"
        asked = f">= {self.least:.0%}" if self.least else "-"
        return self.name, f"{died} of {runs}", share, asked if self.enough else f"{asked}: FAIL"


def damage(vectors: Vectors, random: np.random.Generator) -> None:
    """Spoil one of N vectors: zero it, or put its neighbour or the first one in its place, unless equal."""
    row = int(random.integers(len(vectors)))
    other = [None, row - 1, 0][int(random.integers(3))]
    equal = other is not None and np.allclose(vectors[other], vectors[row], atol=1e-3)  # of the same text
    vectors[row] = 0 if other is None or equal else vectors[other]


def size_fault(patch: Patch, seed: int) -> int:
    """Inject a fault of one number of texts, and return the number. An odd seed means rows of a batch."""
    random = np.random.default_rng(seed)
    size = int(random.integers(1, LARGEST + 1))

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if len(texts) == size:
            damage(vectors, np.random.default_rng(seed))
        return vectors

    def change(batches: list[Batch]) -> Iterator[Batch]:
        for rows, vectors in batches:
            if len(rows) == size:
                damage(vectors, np.random.default_rng(seed))
            yield rows, vectors

    change_batches(patch, change) if seed % 2 else replace_encode(patch, encode)
    return size


def chance_fault(patch: Patch, seed: int, *, one_of: int, least_threads: int = 1) -> int:
    """Inject a fault that zeroes one vector of so many, while at least that many threads are alive."""
    random, lock = np.random.default_rng(seed), threading.Lock()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if threading.active_count() >= least_threads:
            with lock:
                vectors[random.random(len(vectors)) < 1 / one_of] = 0
        return vectors

    replace_encode(patch, encode)
    return one_of


def uptime_fault(patch: Patch, seed: int) -> int:
    """Inject a fault that makes zeros of all vectors after some calls, and return how many calls."""
    begun, numbers = int(np.random.default_rng(seed).integers(1, LAST_CALL + 1)), count(1)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return np.zeros_like(vectors) if next(numbers) > begun else vectors

    replace_encode(patch, encode)
    return begun


def until_the_first(_: Subject, gate: Gate, calls: Any, difference: Callable[[Call], float]) -> None:
    """Judge calls as ``judge_calls`` does, but end at the first that fails."""
    for call in calls:
        if not (found := difference(call)) <= gate.bound():
            gate.require(found)
    gate.require(0.0)


def dies(subject: Subject, test: Callable[[Subject, Gate], None]) -> bool:
    """Tell whether a check is red."""
    gate = open_gate(subject)
    try:
        with gate.claim(test.__name__):
            test(subject, gate)
    except CheckFailed:
        return True
    return False


def rates_of(kind: Kind, subject: Subject, seeds: range) -> list[Rate]:
    """Judge a fault of each seed, and return how many died in each class."""
    found = []
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(test_call_shapes, "judge_calls", until_the_first)
            number = kind.inject(patch, seed)
            found.append((number, dies(subject, kind.test)))
    return [
        Rate(name, least, tuple(died for number, died in found if first <= number <= last))
        for name, first, last, least in kind.classes
    ]


def _by_chance(name: str, least: float, one_of: int, threads: int, test: Callable[..., None]) -> Kind:
    inject = partial(chance_fault, one_of=one_of, least_threads=threads)
    more = f", {threads} threads" if threads > 1 else ""
    return Kind(name, test, inject, 100, ((f"1 vector of {one_of:,}{more}", 0, one_of, least),))


SIZES = ((1, 16), (17, 64), (65, 128), (129, 256), (257, LARGEST), (1, LARGEST))
SIZE = Kind(
    "size",
    test_call_shapes.test_call_sizes,
    size_fault,
    200,
    tuple((f"{first} to {last} texts", first, last, 0.95) for first, last in SIZES),
)
MADE = Effort.calls - 1  # a fault after the last call of the check is not seen
UPTIME = Kind(
    "uptime",
    test_call_shapes.test_many_calls,
    uptime_fault,
    100,
    (
        (f"after 1 to {MADE} calls", 1, MADE, 0.95),
        (f"after {MADE + 1} to {LAST_CALL:,} calls", MADE + 1, LAST_CALL, 0.0),
    ),
)
KINDS = (
    SIZE,
    *(
        _by_chance("threads", least, one_of, 16, test_call_shapes.test_many_threads)
        for one_of, least in ((50, 0.99), (500, 0.99), (5_000, 0.0))
    ),
    *(
        _by_chance("chance", least, one_of, 1, test_call_shapes.test_call_sizes)
        for one_of, least in ((50, 0.99), (500, 0.99), (5_000, 0.95))
    ),
    UPTIME,
)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share of each class, and fail where one is too small."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = list(dict.fromkeys(kind.name for kind in KINDS))
    parser.add_argument("kind", nargs="?", choices=names, help="this kind alone")
    parser.add_argument("--seeds", type=int, metavar="N", help="default: 200 sizes, 100 of each other kind")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="begin at this seed")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    subject, enough = open_subject(DEFAULT_MODEL), True
    for kind in KINDS:
        if options.kind in (None, kind.name):
            seeds = range(options.first, options.first + (options.seeds or kind.seeds))
            rates = rates_of(kind, subject, seeds)
            head = (kind.name, "died", "share (95 %)", "asked for")
            print(*aligned([head, *(rate.cells for rate in rates)]), sep="\n", flush=True)
            enough &= all(rate.enough for rate in rates)
    sys.exit(not enough)


if __name__ == "__main__":
    main()
