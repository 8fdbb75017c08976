"""The search for blind spots: what it perturbs, what it asks, and what it calls the largest."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate import own_files, register
from embedding_gate.metrics.similarity import unit
from tests.faults import blind_spots
from tests.faults.blind import by_text, smooth
from tests.faults.blind.bench import COLUMNS, HELD
from tests.faults.blind.search import Candidate, Found, all_families, largest
from tests.faults.blind.world import Family, World, key


@pytest.fixture(scope="module")
def world() -> World:
    """The goldens' vectors: no model is loaded."""
    golden, sets = own_files.golden("all-MiniLM-L6-v2"), own_files.sets()
    assert golden is not None
    texts: dict[str, list[str]] = {}
    vectors: dict[str, NDArray[np.float64]] = {}
    for labelled, names in ((sets.topics, ["topics"]), (sets.retrieval, ["queries", "passages"])):
        for name, part, of in zip(names, labelled.parts, golden.sets[labelled.sha256], strict=True):
            texts[name], vectors[name] = list(part.texts), unit(of)
    return World(texts, vectors, sets.retrieval)


def test_what_is_left_out_are_tests_of_the_gate() -> None:
    names = {name.removeprefix("test_") for name in register.live_tests()}
    assert names >= HELD
    looked = names - HELD
    assert {"parity", "pairs_parity", "retrieval_parity", "retrieval", "edited_texts", "norm"} <= looked


@pytest.mark.parametrize("family", all_families().values(), ids=list(all_families()))
def test_a_family_is_a_function_of_each_text(
    world: World, family: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same vector whatever the other texts; almost nothing at almost no strength, another at some.

    A family that searches for harm takes six steps in place of sixty: what it finds need not be the worst.
    """
    monkeypatch.setattr(smooth, "SEARCHED", 6)
    texts = [*world.texts["queries"], *world.texts["passages"], "a text of none of the sets"]
    right = np.concatenate([world.vectors["queries"], world.vectors["passages"], world.every[:1]])
    strengths = family.strengths()
    assert strengths == sorted(strengths)
    change = family.make(world, strengths[24], 0)
    changed, some = change(texts, right), [-1, 3, 500, 3]
    assert np.abs(unit(changed) - right).max() > 1e-6
    np.testing.assert_allclose(change([texts[row] for row in some], right[some]), changed[some], atol=1e-12)
    if not family.counted and family.name != "rounded to steps":
        least = unit(family.make(world, strengths[0], 0)(texts, right))
        assert np.abs(least - right).max() < 1e-5


def test_a_rotation_does_no_harm_and_a_lost_query_its_whole(world: World) -> None:
    assert np.abs(world.losses(smooth.rotation(world, 1.0, 0))).max() < 1e-3
    losses = world.losses(by_text.lost(key)(world, 2, 0))
    assert sorted(losses)[-2:] == [1, 1]
    assert np.abs(np.sort(losses)[:-2]).max() == 0


def test_known_however_it_is_written(world: World) -> None:
    """An edit meets the same fault, but one that knows the exact text alone."""
    text, row = world.texts["queries"][:1], world.vectors["queries"][:1]
    some = [one.replace(" ", ", ", 1).upper() for one in text]
    for family, same in (("noise", True), ("noise, by exact text", False)):
        change = all_families()[family].make(world, 1.0, 0)
        assert np.array_equal(change(text, row), change(some, row)) == same


@pytest.mark.parametrize(
    ("limit", "gap", "expected", "killer"),
    [(4, None, 4, "all"), (4, 3, 4, "all"), (4, 4, 3, "all"), (0, None, None, "all"), (9, None, 9, "")],
)
def test_the_largest_that_passes(limit: int, gap: int | None, expected: int | None, killer: str) -> None:
    """The quick checks see what is over the limit; all of them see the gap, too."""
    candidates = [Candidate(float(one), 0, float(one)) for one in (3, 1, 9, 2, 4, 5, 6, 7, 8, 0)]

    def quick(one: Candidate) -> str:
        return "quick" if one.loss > limit else ""

    def whole(one: Candidate) -> str:
        return "all" if one.loss > limit or one.loss == gap else ""

    best, found = largest(candidates, quick, whole)
    assert (best and int(best.loss)) == expected
    assert found == killer


def test_the_table_has_the_largest_of_each_column() -> None:
    found = [
        Found(family, column, loss, 1.0, 0, "")
        for family, losses in (("rotation", (0.0, 0.1, 0.2, 0.3)), ("noise", (0.001, 0.05, 0.3, 0.7)))
        for column, loss in zip(COLUMNS, losses, strict=True)
    ]
    head, *rows = (re.split(r"  +", line.strip()) for line in blind_spots.table(found))
    assert head[1:] == list(COLUMNS)
    assert rows == [
        ["noise", "0.0010", "0.0500", "0.3000", "0.7000"],
        ["rotation", "0.0000", "0.1000", "0.2000", "0.3000"],
        ["largest by functions of the vector alone", "0.0000", "0.1000", "0.2000", "0.3000"],
        ["largest", "0.0010", "0.1000", "0.3000", "0.7000"],
    ]
