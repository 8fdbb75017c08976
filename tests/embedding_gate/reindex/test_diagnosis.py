"""The reason of a drift: each kind is planted by the test's own arithmetic in the goldens' vectors."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from embedding_gate.reindex import diagnosis
from embedding_gate.reindex.diagnosis import Pair, Reason, diagnose
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.which import Text, script_of, split, texts_of, which
from tests.support.snapshots import TINY, old, unit_rows

V = Any
VECTORS = np.concatenate(list(old(TINY).vectors.values()))  # (N, 64), in a narrow cone
TEXTS = texts_of(list(old(TINY).canaries.parts.values()))
N, D = VECTORS.shape
DRAW = np.random.default_rng(7)
ORDER = DRAW.permutation(D)
TURN = np.linalg.qr(DRAW.normal(size=(D, D)))[0]
SHIFT = unit_rows(DRAW.normal(size=(1, D)))
NOISE = DRAW.normal(size=(N, D))
LENGTHS = DRAW.uniform(2, 5, size=(N, 1))
LONG = np.array([text.length >= 300 for text in TEXTS])[:, None]
QUERIES = np.array([text.role == "query" for text in TEXTS])[:, None]
CYRILLIC = np.array([text.script == "Cyrillic" for text in TEXTS])[:, None]


def reason_of(change: Callable[[V], V], rows: slice = slice(None)) -> Reason:
    new = np.asarray(change(VECTORS), dtype=np.float32)
    return diagnose(Pair(VECTORS[rows], new[rows], TEXTS[rows], limits().same_of("float32")))


def exchanged(vectors: V) -> V:
    found = vectors.copy()
    found[:, [3, 4]] = vectors[:, [4, 3]]
    return found


def some_negated(vectors: V) -> V:
    return vectors * np.where(np.arange(D) < 5, -1, 1)


EXACT = [
    ("sign", np.negative, "each vector is negated"),
    ("permuted dimensions", lambda v: v[:, ORDER], " dimensions stand at another place"),
    ("permuted dimensions", exchanged, "2 of 64 dimensions stand at another place"),
    ("sign of some dimensions", some_negated, "5 of 64 dimensions are negated"),
    ("rotation", lambda v: v @ TURN, "an orthogonal map leads from old to new vectors"),
    ("rotation", lambda v: (v @ TURN).astype(np.float16), "an orthogonal map"),
    ("scale", lambda v: 2 * v, "each vector is 2 times as long"),
    ("missing normalisation", lambda v: LENGTHS * v, "directions are the same, and lengths are 2.0"),
    ("shorter dimensions", lambda v: unit_rows(v[:, :32]), "64 -> 32 dimensions, of which the first"),
    ("another model", lambda v: unit_rows((v @ TURN)[:, :32]), "and the first 32 are others"),
    ("another model", lambda v: v[DRAW.permutation(N)], "a linear map explains"),
]
OTHERS = [
    ("mean shift", lambda v: unit_rows(v + 0.3 * SHIFT), "the same vector is added to each"),
    ("mean shift", lambda v: v + 0.3 * SHIFT, "the same vector is added to each"),
    ("quantization noise", lambda v: unit_rows(v + 3e-3 * NOISE), "as of weights in 8 bits"),
    ("quantization noise", lambda v: unit_rows(v + 0.028 * NOISE), "as of weights in 4 bits"),
    ("quantization noise", lambda v: np.round(v * 127) / 127, "as of weights in "),
    ("some texts only", lambda v: np.where(LONG, -v, v), "texts of 3"),
    ("some texts only", lambda v: np.where(np.arange(N)[:, None] == 5, -v, v), f"1 of {N:,} texts, "),
    ("some texts only", lambda v: np.where(CYRILLIC, -v, v), "texts in Cyrillic script"),
    ("some texts only", lambda v: np.where(QUERIES, unit_rows(v + 0.3 * SHIFT), v), "prompt of a query"),
]


@pytest.mark.parametrize(("kind", "change", "words"), [*EXACT, *OTHERS])
def test_a_planted_drift_has_its_reason(kind: str, change: Callable[[V], V], words: str) -> None:
    found = reason_of(change)
    assert (found.kind, found.exact) == (kind, any(change is of[1] for of in EXACT))
    assert words in found.words


@pytest.mark.parametrize(("kind", "change"), [of[:2] for of in EXACT[:7]])
def test_fewer_texts_than_dimensions_tell_an_exact_map_too(kind: str, change: Callable[[V], V]) -> None:
    assert reason_of(change, slice(0, N, 25)).kind == kind


@pytest.mark.parametrize(
    ("value", "change"),
    [
        (-1.0, np.negative),
        (9e9, lambda v: unit_rows(v + 1e-3 * NOISE)),
    ],
)
def test_a_wrong_limit_gives_a_wrong_reason(
    monkeypatch: pytest.MonkeyPatch, value: float, change: Callable[[V], V]
) -> None:
    """What a map may leave decides."""
    before = reason_of(change).kind
    monkeypatch.setattr(diagnosis, "EXPLAINED", value)
    assert reason_of(change).kind != before


def test_the_script_of_a_text() -> None:
    assert [script_of(text) for text in ("a text", "Зима", "水 7", "42 —", "")] == [
        "Latin",
        "Cyrillic",
        "Cjk",
        "none",
        "none",
    ]


def texts(count: int) -> list[Text]:
    return [Text(f"t {row}", 10 + row % 7, "Latin", "", row) for row in range(count)]


def test_which_texts_drifted_by_their_place() -> None:
    drifted = np.arange(96) % 32 == 4
    assert which(texts(96), drifted) == "texts at place 5 of each 32 of a call"
    assert which(texts(96), np.arange(96) >= 40) == "texts from number 41 of a call on"


def test_texts_without_a_rule_are_named() -> None:
    drifted = np.isin(np.arange(96), [3, 44, 45, 90])
    assert which(texts(96), drifted).startswith("t 3, t 44, t 45 and 1 more; no length, script, prompt")


def test_a_gap_parts_the_texts() -> None:
    found = split(np.array([1e-9, 2e-7, 0.3, 1e-6, 0.4]), floor=2e-6)
    assert found is not None
    assert found.tolist() == [False, False, True, False, True]
    assert split(np.linspace(0.1, 0.5, 20), floor=2e-6) is None
