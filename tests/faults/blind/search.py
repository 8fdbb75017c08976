"""The search for the largest harm of each family that no check detects."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import pytest

from tests.faults import clean
from tests.faults.blind import bench, by_text, smooth
from tests.faults.blind.world import Change, Family

__all__ = ["Found", "all_families", "largest", "search"]

FINER = 5  # bisection steps between the strength that passes and the next one, which is red
AGAIN = 3  # larger harms tried after the bisection, because a larger harm may be harder to detect


@dataclass(frozen=True)
class Found:
    """The largest undetected harm of a family in a column.

    loss: the loss of mean nDCG@10. It is 0 if no harmful perturbation passes.
    killer: the check that detects the next larger harm.
    """

    family: str
    column: str
    loss: float
    strength: float
    seed: int
    killer: str


@dataclass(frozen=True)
class Candidate:
    """A perturbation and its harm."""

    strength: float
    seed: int
    loss: float


Check = Callable[[Candidate], str]


def all_families() -> dict[str, Family]:
    """Return all families by name."""
    return {family.name: family for family in (*smooth.families(), *by_text.families())}


def largest(candidates: list[Candidate], quick: Check, whole: Check) -> tuple[Candidate | None, str]:
    """Return the most harmful candidate that passes, and the check that is red for the next larger one.

    quick and whole return the name of a red check of a candidate. quick runs the quick checks, whole all.
    The candidates are sorted by harm. A bisection with the quick checks comes first. Then all checks run on
    one candidate after the other, from slightly larger harm downwards.
    """
    order = sorted((one for one in candidates if one.loss > 0), key=lambda one: one.loss)
    low, high = -1, len(order)  # order[low] passes, order[high] is red
    while high - low > 1:
        middle = (low + high) // 2
        if quick(order[middle]):
            high = middle
        else:
            low = middle
    killer = ""
    for row in range(min(low + AGAIN, len(order) - 1), -1, -1):
        if not (found := whole(order[row])):
            return order[row], killer
        killer = found
    return None, killer


def search(name: str) -> list[Found]:
    """Search one family in every column."""
    family, world = all_families()[name], bench.world()

    @cache
    def change_of(strength: float, seed: int) -> Change:
        return family.make(world, strength, seed)

    def candidate(strength: float, seed: int) -> Candidate:
        losses = world.losses(change_of(strength, seed))
        return Candidate(strength, seed, float(losses.mean()) if np.isfinite(losses).all() else 0.0)

    candidates = [candidate(s, seed) for seed in range(family.seeds) for s in family.strengths()]
    with pytest.MonkeyPatch.context() as patch:
        clean.remember(patch)
        return [_in_column(family, column, candidates, candidate, change_of) for column in bench.COLUMNS]


def _in_column(
    family: Family,
    column: str,
    candidates: list[Candidate],
    candidate: Callable[[float, int], Candidate],
    change_of: Callable[[float, int], Change],
) -> Found:
    last = ""

    def red(one: Candidate, *, quick: bool = False) -> str:
        nonlocal last
        found = bench.red(column, change_of(one.strength, one.seed), last, quick=quick)
        last = found or last
        return found

    best, killer = largest(candidates, partial(red, quick=True), red)
    if best is None:
        return Found(family.name, column, 0.0, 0.0, 0, killer)
    if not family.counted:
        larger = [s for s in family.strengths() if s > best.strength]
        low, high = best.strength, min(larger, default=best.strength)
        for _ in range(FINER if larger else 0):
            tried = candidate((low + high) / 2, best.seed)
            if tried.loss > best.loss and not red(tried):
                best, low = tried, tried.strength
            else:
                high = tried.strength
    return Found(family.name, column, best.loss, best.strength, best.seed, killer)
