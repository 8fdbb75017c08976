"""Ranks: how they share the work, that they must agree, and that the gate sees wrong vectors."""

import os
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.checks.test_ranks import test_ranks as check_ranks
from embedding_gate.corpus.launch import here
from embedding_gate.corpus.ranks import Ranks
from embedding_gate.errors import WorkerError
from embedding_gate.own_files import ROOT, texts
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import Threshold, Verdict


class Together(Ranks):
    """One of several ranks, of which the others say what a test tells."""

    def __init__(self, rank: int, others: dict[int, list[int]], size: int = 2) -> None:
        super().__init__(SimpleNamespace(rank=lambda: rank, size=lambda: size))
        self._others = others

    def _gather(self, numbers: list[int]) -> list[list[int]]:
        return [numbers if rank == self.rank else self._others[rank] for rank in range(self.size)]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_each_shard_has_one_rank(size: int) -> None:
    """Ranks have equal work, up to one shard."""
    sizes = np.random.default_rng(0).integers(1, 100, 50).tolist()
    left = [number for number in range(50) if number % 5]
    shares = [Together(rank, {}, size).share(sizes, left) for rank in range(size)]
    assert sorted(number for share in shares for number in share) == left
    work = [sum(sizes[number] for number in share) for share in shares]
    assert max(work) - min(work) <= max(sizes)


def test_alone() -> None:
    """Without mx.distributed there is one rank, which agrees with itself."""
    alone = Ranks(None)
    alone.agree("anything", {"a": 1})
    assert alone.count(3, 5, expected=3) == 5
    assert (alone.rank, alone.size, alone.first) == (0, 1, True)


def test_a_rank_that_disagrees_is_named() -> None:
    with pytest.raises(WorkerError, match="rank 1, 2: disagrees with rank 0 about the model"):
        Together(0, {1: [0] * 16, 2: [1] * 16}, 3).agree("the model", "a")


def test_counts_must_add_up() -> None:
    """Counts of thousands of millions, too."""
    many = 5 << 20
    assert Together(0, {1: [3, 5, 7, 0]}).count(4, 2, expected=many + 7) == 9
    with pytest.raises(WorkerError, match="encoded 4, 0 texts, which is not 8 together"):
        Together(0, {1: [0, 0, 0, 0]}).count(4, 2, expected=8)


RIGHT = np.random.default_rng(0).normal(size=(10, 4)).astype(np.float32)


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(np.roll(RIGHT, 5, axis=0), id="shards in another order"),
        pytest.param(np.concatenate([RIGHT[:5], RIGHT[:5]]), id="a shard is there twice"),
        pytest.param(RIGHT[:-1], id="a text is lost"),
        pytest.param(RIGHT + np.float32(1e-5), id="another computation"),
    ],
)
def test_the_check_sees_what_ranks_may_do_wrong(found: NDArray[np.float32]) -> None:
    assert judged(RIGHT) == []
    with pytest.raises(CheckFailed):
        judged(found)


def judged(found: NDArray[np.float32]) -> list[Verdict]:
    """Judge what ranks gave, where one process gives RIGHT."""
    one_process = SimpleNamespace(texts=texts(), vectors_of=lambda _: list(RIGHT))
    gate = Gate("m", {"ranks": Threshold("ranks", "m", 0, "a test", at_most=2e-6)})
    with gate.claim("test_ranks"):
        check_ranks(lambda _: found, cast("Subject", one_process), gate)
    return gate.red


@pytest.mark.parametrize(("given", "expected"), [(None, [ROOT]), ("/one:/two", [ROOT, "/one", "/two"])])
def test_ranks_find_the_packages_of_the_process_that_starts_them(
    given: str | None, expected: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    if given:
        monkeypatch.setenv("PYTHONPATH", given)
    assert here(2)[-1] == "PYTHONPATH=" + os.pathsep.join(map(str, expected))
