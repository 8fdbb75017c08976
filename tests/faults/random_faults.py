"""What share of random faults dies: ``python -m tests.faults.random_faults`` (``make random-faults``).

Two kinds of fault are drawn by seed. The check that is there for each judges it, at full effort.

1. size: in a call of exactly n texts, or in a batch of exactly n rows, one vector is wrong. n is uniform over
   1 to 512. "call sizes" judges it until the first call that fails.
2. threads: with 16 or more threads alive, each vector is zeroed with some probability. "many threads" judges
   it.

A share is given with its exact interval of 95 % (Clopper and Pearson 1934).
"""

import argparse
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binomtest

from embedding_gate.adapter import open_subject
from embedding_gate.checks import test_call_shapes
from embedding_gate.session import open_gate
from embedding_gate.subjects.calls import Call
from embedding_gate.subjects.live import Subject
from embedding_gate.text_table import aligned
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embeddings.catalog import DEFAULT_MODEL
from tests.faults.registry import Patch
from tests.faults.seams import Batch, change_batches, replace_encode

__all__ = ["main", "share", "size_fault", "thread_fault"]

LARGEST = 512
CLASSES = ((1, 16), (17, 64), (65, 128), (129, 256), (257, LARGEST), (1, LARGEST))  # numbers of texts
CHANCES = (50, 500, 5_000)  # a fault strikes one vector of so many

Vectors = NDArray[np.float32]


def damage(vectors: Vectors, random: np.random.Generator) -> None:
    """Spoil one of N vectors: zero it, or put its neighbour or the first one in its place."""
    row = int(random.integers(len(vectors)))
    other = [-1, row - 1, 0][int(random.integers(3))]
    same = other % len(vectors) == row
    vectors[row] = 0 if other == -1 or same else vectors[other]


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


def thread_fault(patch: Patch, seed: int, one_of: int) -> None:
    """Inject a fault that zeroes one vector of so many, while 16 or more threads are alive."""
    random, lock = np.random.default_rng(seed), threading.Lock()

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if threading.active_count() >= 16:
            with lock:
                vectors[random.random(len(vectors)) < 1 / one_of] = 0
        return vectors

    replace_encode(patch, encode)


def until_the_first(gate: Gate, calls: Any, stray: Callable[[Call], float], **_: Any) -> None:
    """Judge calls as ``judge_calls`` does, but end at the first that fails."""
    for call in calls:
        if not (found := stray(call)) <= gate.bound():
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


def sizes(subject: Subject, seeds: range) -> list[tuple[str, str, str]]:
    """Judge faults of random sizes, and return the rows of their table."""
    died: dict[int, list[bool]] = {}
    for seed in seeds:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(test_call_shapes, "judge_calls", until_the_first)
            size = size_fault(patch, seed)
            died.setdefault(size, []).append(dies(subject, test_call_shapes.test_call_sizes))
    return [(f"{first} to {last} texts", *share(_within(died, first, last))) for first, last in CLASSES]


def _within(died: Mapping[int, list[bool]], first: int, last: int) -> list[bool]:
    return [one for size, some in died.items() if first <= size <= last for one in some]


def threads(subject: Subject, seeds: range) -> list[tuple[str, str, str]]:
    """Judge faults of threads, and return the rows of their table."""
    rows = []
    for one_of in CHANCES:
        died = []
        for seed in seeds:
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(test_call_shapes, "judge_calls", until_the_first)
                thread_fault(patch, seed, one_of)
                died.append(dies(subject, test_call_shapes.test_many_threads))
        rows.append((f"1 vector of {one_of:,}, 16 threads", *share(died)))
    return rows


def share(died: Sequence[bool]) -> tuple[str, str]:
    """Return how many of the faults died, and the share with its interval of 95 %."""
    if not died:
        return "0 of 0", "-"
    found = binomtest(sum(died), len(died)).proportion_ci(method="exact")
    shown = f"{np.mean(died):.1%} ({found.low:.1%} to {found.high:.1%})"
    return f"{sum(died)} of {len(died)}", shown


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the share of each class."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kind", nargs="?", choices=("size", "threads"), help="this kind alone")
    parser.add_argument("--seeds", type=int, metavar="N", help="default: 200 sizes, 100 runs of threads")
    parser.add_argument("--first", type=int, default=0, metavar="SEED", help="begin at this seed")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    subject = open_subject(DEFAULT_MODEL)
    for kind, judge, usual in (("size", sizes, 200), ("threads", threads, 100)):
        if options.kind in (None, kind):
            seeds = range(options.first, options.first + (options.seeds or usual))
            print(*aligned([(kind, "died", "share (95 %)"), *judge(subject, seeds)]), sep="\n", flush=True)


if __name__ == "__main__":
    main()
