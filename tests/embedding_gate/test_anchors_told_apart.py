"""Published figures tell wrong recipes and other models apart: by the numbers alone, without any weights."""

from collections.abc import Collection, Sequence
from itertools import combinations, permutations
from operator import itemgetter

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.anchors import Anchors, Role, Vectors, read_all_anchors
from embedding_gate.metrics.agreement import ROUNDING, agreements
from embedding_gate.own_files import ANCHORS

ALL = {anchors.name: anchors for anchors in read_all_anchors(ANCHORS)}
RECORDED = [  # model, its recorded vectors; those of another recipe too
    (anchors, vectors) for anchors in ALL.values() for source in anchors.source for vectors in source.vectors
]
KNOWN = [(anchors, vectors) for anchors, vectors in RECORDED if not vectors.wrong]
WRONG = [(anchors, vectors) for anchors, vectors in RECORDED if vectors.wrong]


def ratios(anchors: Anchors, given: Vectors) -> list[float]:
    """Judge a model that gives these vectors, by what was published of it for the same texts."""
    made = dict(zip(given.texts, map(np.array, given.values), strict=True))

    def encode(texts: Sequence[str], role: Role) -> NDArray[np.float64]:
        assert role == given.role
        return np.array([whole(made[text], anchors.width, scaled=given.scaled) for text in texts])

    shared = [
        msgspec.structs.replace(source, cosines=(), vectors=(part,))
        for source in anchors.source
        for one in source.vectors
        if one.role == given.role and not one.wrong and (part := only(one, made))
    ]
    if not shared:
        return []
    return [one.ratio for one in agreements(msgspec.structs.replace(anchors, source=tuple(shared)), encode)]


def only(vectors: Vectors, texts: Collection[str]) -> Vectors | None:
    kept = [pair for pair in zip(vectors.texts, vectors.values, strict=True) if pair[0] in texts]
    if not kept:
        return None
    return msgspec.structs.replace(
        vectors, texts=tuple(map(itemgetter(0), kept)), values=tuple(map(itemgetter(1), kept))
    )


def whole(part: NDArray[np.float64], width: int, *, scaled: bool) -> NDArray[np.float64]:
    vector = np.zeros(width)
    vector[: len(part)] = part
    if scaled and len(part) < width:
        vector[-1] = np.sqrt(1 - (part**2).sum())
    return vector


@pytest.mark.parametrize(("anchors", "wrong"), WRONG, ids=[f"{one.name}: {two.wrong}" for one, two in WRONG])
def test_a_published_wrong_recipe_is_told_apart(anchors: Anchors, wrong: Vectors) -> None:
    found = ratios(anchors, wrong)
    assert found
    assert min(found) > 1


def test_the_vectors_of_another_model_are_told_apart() -> None:
    judged = [
        found
        for (one, _), (other, its) in permutations(KNOWN, 2)
        if one is not other and one.width == other.width and (found := ratios(one, its))
    ]
    assert len(judged) > 100
    assert min(map(min, judged)) > 1


def test_a_misspelt_letter_is_told_apart() -> None:
    """The card of bge-m3 spells a query in another way than vLLM's test, and has other figures."""
    card, _, other = [figure for source in ALL["bge-m3"].source[:2] for figure in source.cosines]
    assert (card.queries[1], other.queries[1]) == ("Defination of BM25", "Definition of BM25")
    rounding = ROUNDING["unstated"].cosine + 0.5e-4
    assert abs(card.values[1][0] - other.values[1][0]) > rounding


def test_the_table_of_sentence_transformers_tells_models_apart() -> None:
    """Four cosines, in bfloat16, leave three of 2,775 pairs of models alike."""
    rows = [
        np.array(source.cosines[0].values[0])
        for anchors in ALL.values()
        for source in anchors.source
        if source.path.endswith("test_pretrained.py")
    ]
    allowed = ROUNDING["bfloat16"].cosine
    alike = [pair for pair in combinations(rows, 2) if np.abs(pair[0] - pair[1]).max() <= allowed]
    assert (len(rows), len(alike)) == (75, 3)


def test_figures_that_were_published_twice_agree() -> None:
    """By two programs, or in two precisions."""
    spreads = [
        max(values) - min(values)
        for anchors in ALL.values()
        for values in same_cosines(anchors).values()
        if len(values) > 1
    ]
    assert len(spreads) == 16
    assert max(spreads) == pytest.approx(2.6e-03, abs=0.05e-03)


def same_cosines(anchors: Anchors) -> dict[tuple[str, str], list[float]]:
    """Collect the values of each cosine. A prompt may stand in the text, or be the model's own."""
    found: dict[tuple[str, str], list[float]] = {}
    for source in anchors.source:
        for figure in source.cosines:
            for query, row in zip(figure.queries, figure.values, strict=True):
                for document, value in zip(figure.documents, row, strict=False):
                    found.setdefault((query.rpartition("Query:")[2], document), []).append(value)
    return found
