"""Slices of the gate's texts: they give the same verdicts as all texts, in a fraction of the time."""

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from embedding_gate import own_files
from embedding_gate.data.goldens import Golden, Texts
from embedding_gate.data.sets import Sets
from embedding_gate.subjects.embedded import Baseline
from embedding_gate.subjects.live import Subject

__all__ = ["golden_of", "slice_of"]


def slice_of(subject: Subject, number: int = 0) -> Subject:
    """Return the same subject on a fixed slice of the texts.

    number: 0, or 1 for a slice of other texts. Both slices have all topics, because the thresholds of topics
    are for exactly these texts. Both also have the texts that differ only in their last word, and the hostile
    texts. Texts that the subject refuses stay left out.
    """
    golden, sets = golden_of(subject.name, number), own_files.slice_of_sets(number)
    baseline = Baseline(subject.name, subject.source, golden, lambda: subject.encoder)
    texts, taken = _texts(number), set(subject.texts.ids)
    if not taken.issuperset(texts.ids):
        rows = [row for row, name in enumerate(texts.ids) if name in taken]
        texts, golden = texts.rows(rows), golden.rows(rows) if golden else None
    return replace(subject, texts=texts, golden=golden, sets=sets, baseline=baseline)


_LENGTHS = (("length-64", "length-256", "length-257"), ("length-129", "length-255", "length-258"))


@cache
def _rows(number: int) -> list[int]:
    """Return the rows of a slice: prefix and hostile texts, lengths around the limit, a ninth of the rest."""
    texts = own_files.texts()
    return [
        row
        for row, (name, kind) in enumerate(zip(texts.ids, texts.kinds, strict=True))
        if kind in ("prefix", "hostile")
        or name in _LENGTHS[number]
        or (row % 9 == 4 * number and kind not in ("length", "long"))
    ]


@cache
def _texts(number: int) -> Texts:
    return own_files.texts().rows(_rows(number))


@cache
def golden_of(model: str, number: int = 0) -> Golden | None:
    golden = own_files.golden(model)
    if golden is None:
        return None
    few = golden.rows(_rows(number))
    return replace(few, sets=_golden_sets(golden, own_files.slice_of_sets(number), number))


def _golden_sets(golden: Golden, few: Sets, number: int) -> dict[str, list[NDArray[np.float32]]]:
    whole = own_files.sets()
    queries, passages = golden.sets[whole.retrieval.sha256]
    pairs, asked = (
        slice(number * count, (number + 1) * count)
        for count in (len(few.pairs.grades), len(few.retrieval.queries))
    )
    return {
        **golden.sets,
        few.pairs.sha256: [side[pairs] for side in golden.sets[whole.pairs.sha256]],
        few.retrieval.sha256: [queries[asked], passages[few.retrieval.only]],
    }
