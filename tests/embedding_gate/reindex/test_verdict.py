"""The verdict on two snapshots: which answer, and what it rests on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.own_files import FIXTURES
from embedding_gate.reindex.canaries import canaries_of
from embedding_gate.reindex.identity import Identity
from embedding_gate.reindex.limits import read_limits
from embedding_gate.reindex.mixing import RETRIEVAL, found_again
from embedding_gate.reindex.snapshot import Snapshot
from embedding_gate.reindex.verdict import Verdict, judge
from tests.support import snapshots
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.snapshots import MODEL, TINY, changed, unit_rows

DRAW = np.random.default_rng(3)
D = snapshots.old(TINY).identity.dimensions
TURN = np.linalg.qr(DRAW.normal(size=(D, D)))[0]


def old() -> Snapshot:
    return snapshots.old(TINY)


def noise(size: float) -> Any:
    return lambda v: unit_rows(v + size * np.random.default_rng(4).normal(size=v.shape))


def verdict(change: Any) -> Verdict:
    return judge(old(), changed(change, old()))


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (lambda v: v, "identical"),
        (lambda v: v + 5e-7, "same"),
        (noise(1e-5), "compatible"),
        (np.negative, "re-index"),
        (lambda v: v @ TURN, "re-index"),
        (lambda v: v[:, ::-1], "re-index"),
        (lambda v: unit_rows(v[:, :40]), "re-index"),
        (lambda v: 3 * v, "re-index"),
        (noise(0.2), "re-index"),
        (lambda v: np.random.default_rng(5).permutation(v), "re-index"),
    ],
)
def test_the_answer(change: Any, answer: str) -> None:
    found = verdict(change)
    assert found.answer == answer
    assert found.line.startswith(f"{answer} (")
    assert "\n" not in found.line
    assert [found.within(worst) for worst in ("same", "compatible")] == [
        answer in ("identical", "same"),
        answer != "re-index",
    ]


def test_an_offset_that_hides_in_each_direction_shows_in_one_index() -> None:
    """Each set of passages alone ranks as before. In one index, new queries find new passages."""
    shift = np.zeros(384)
    shift[0] = 0.7
    known = snapshots.old(MODEL)
    found = judge(known, changed(lambda v: unit_rows(v + shift), known))
    one = {of.way: of.moved for of in found.figures if of.moved.metric == RETRIEVAL}
    assert found.answer == "re-index"
    assert one["new queries over old passages"].surely_worse < 0.002
    assert one["new queries over both in one index"].surely_worse > 0.02


def test_what_is_left_after_mapping() -> None:
    """The reason's own map loses nothing. A fitted map of other vectors does."""
    negated = verdict(np.negative)
    (one,) = negated.after
    assert one.moved.after == one.moved.before
    assert negated.lines()[-1].endswith("not surely worse, and cheaper than encoding again")
    assert negated.after[0].moved.surely_worse == 0
    (other,) = verdict(lambda v: np.random.default_rng(5).permutation(v)).after
    assert other.moved.after < 0.5 * other.moved.before


def test_texts_that_drifted_alone_are_asked_for_alone() -> None:
    """Eight of a thousand texts are wrong: too few for any figure of all texts."""

    def long_ones(vectors: Any) -> Any:
        found = vectors.copy()
        found[200:208] *= -1
        return found

    found = verdict(long_ones)
    assert found.answer == "re-index"
    assert found.reason.kind == "some texts only"
    assert found.figures[-1].way == "new over old, of those that drifted"
    assert found.figures[-1].moved.surely_worse == 1
    assert max(of.moved.surely_worse for of in found.figures[:-1]) < 0.002


def test_the_limit_of_arithmetic_is_that_of_the_coarser_precision() -> None:
    new = changed(lambda v: v + 5e-4, old())
    half = replace(new, identity=Identity(D, dtype="float16"))
    unknown = replace(new, identity=Identity(D))
    assert judge(old(), half).answer == "same"
    assert judge(old(), unknown).limit == judge(old(), old()).limit == 2e-6


def test_the_difference_of_identities_is_evidence() -> None:
    one = replace(old(), identity=Identity(D, dtype="float32", weights="a"))
    other = replace(old(), identity=Identity(D, dtype="float32", weights="b"))
    assert judge(one, other).answer == "identical"
    assert "identity: differs in weights" in judge(one, other).lines()


def test_snapshots_of_other_texts_are_refused() -> None:
    other = canaries_of(old().canaries.texts, old().canaries.sets, own=True, only=("topics",))
    strange = replace(old(), canaries=replace(other, hashes={"topics": "f" * 64}))
    with pytest.raises(InputError, match="is of other texts than those that are encoded now"):
        judge(old(), strange)


def test_snapshots_that_share_one_set_are_judged_by_it() -> None:
    only = canaries_of(old().canaries.texts, old().canaries.sets, own=False, only=("topics",))
    new = replace(changed(np.negative, old()), canaries=only)
    found = judge(old(), new)
    assert found.answer == "re-index"
    assert {of.moved.metric for of in found.figures} == {
        "topic auc",
        "nearest neighbour",
        "a text finds itself",
    }


def test_equal_vectors_find_each_other() -> None:
    """Two texts with one old vector are no loss: they could not be told apart before."""
    vectors = np.eye(40)[np.arange(60) % 40]
    assert found_again(vectors, vectors).moved.after == 1
    assert found_again(vectors, -vectors).moved.after < 0.1


def test_a_limit_far_from_its_measurement_is_refused(tmp_path: Path) -> None:
    path, text = tmp_path / "reindex.toml", (FIXTURES / "reindex.toml").read_text()
    for was, now, words in (
        ("at_most = 0.002\n", "at_most = 0.1\n", "0.1 is no limit of the measurement 0.0002"),
        ("at_most = 0.002\n", "at_most = 0.0001\n", "0.0001 is no limit of the measurement"),
        ("version = 1", "version = 9", "is no version 1"),
        ("[margin]", "[margins]", "is malformed"),
    ):
        path.write_text(text.replace(was, now))
        with pytest.raises(FixtureError, match=words):
            read_limits(path)
