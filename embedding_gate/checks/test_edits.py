"""A small edit moves a vector only a little: the edited text stays nearest to its original."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.labelled import Part
from embedding_gate.metrics.resampling import sample
from embedding_gate.metrics.similarity import folded, unit
from embedding_gate.subjects.embedded import embed_part
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]
AT_ONCE = 16  # texts whose second edit is encoded together
ALIKE = 0.5  # texts that share this part of their three-letter sequences say nearly the same


def edited(text: str, share: int) -> str:
    """Insert a comma after the first 1/share of the words."""
    words = text.split()
    at = max(1, len(words) // share)
    return f"{' '.join(words[:at])}, {' '.join(words[at:])}".strip()


def strangers(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the pairs (N, N) of unrelated texts: those that do not say nearly the same."""
    runs = [{of[at : at + 3] for at in range(max(len(of) - 2, 1))} for of in map(folded, texts)]
    column = {run: number for number, run in enumerate(set().union(*runs))}
    has = np.zeros((len(texts), len(column)), dtype=np.float32)
    for row, of in enumerate(runs):
        has[row, [column[run] for run in of]] = 1
    shared, sizes = has @ has.T, has.sum(axis=1)
    return np.asarray(shared <= ALIKE * (sizes[:, None] + sizes - shared))


def moved(
    vectors: NDArray[np.floating],
    edited: NDArray[np.floating],
    rows: NDArray[np.int64],
    apart: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Return how far each edit moved its text (E,).

    This is the distance (1 - cosine) to the original, divided by the distance to the nearest unrelated text.
    It is 1 or more if an unrelated text is as near as the original.

    vectors: (N, D) of the originals. edited: (E, D) of the edited texts. rows: (E,) the numbers of their
    originals. apart: (N, N) marks unrelated texts.
    """
    cosines = unit(edited) @ unit(vectors).T
    nearest = np.where(apart[rows], cosines, -1.0).max(axis=1)
    own = cosines[np.arange(len(rows)), rows]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((1 - own) / (1 - nearest))


def farthest(
    first: NDArray[np.float64], second: Callable[[NDArray[np.int64]], NDArray[np.float64]]
) -> tuple[float, int]:
    """Return the greatest distance and its text. A text counts with the smaller of its two edits.

    first: (E,) distances of the first edit. second: computes the distances (K,) of the second edit; it is
    called only for texts that may be the farthest. NaN counts as the greatest distance.
    """
    order = np.argsort(-np.nan_to_num(first, nan=np.inf), kind="stable")
    worst, whose = 0.0, 0
    for start in range(0, len(order), AT_ONCE):
        some = order[start : start + AT_ONCE]
        if first[some[0]] <= worst or np.isnan(worst):
            break  # no text after this one can be farther
        nearer = np.minimum(first[some], second(some))
        if not nearer.max() <= worst:
            worst, whose = float(nearer.max()), int(some[np.argmax(nearer)])
    return worst, whose


def farthest_of(
    encoder: Encoder, part: Part, vectors: NDArray[np.float32], compared: int, changed: int
) -> tuple[float, int]:
    """Return the greatest distance of an edited text of a part, and the text's number.

    compared: how many texts are looked at. changed: how many of these are edited.
    """
    rows = sample(part.count, compared)
    kept = set(rows.tolist())
    texts = [text for row, text in enumerate(part.texts) if row in kept]
    apart, chosen = strangers(texts), sample(len(texts), changed)

    def distances(some: NDArray[np.int64], share: int) -> NDArray[np.float64]:
        edits = [edited(texts[row], share) for row in some]
        found = embed_part(encoder, Part(part.name, edits, len(edits), part.role))
        return moved(vectors[rows], found, some, apart)

    far, whose = farthest(distances(chosen, 4), lambda some: distances(chosen[some], 2))
    return far, int(rows[chosen[whose]])


def test_edited_texts(subject: Subject, gate: Gate) -> None:
    """A comma at one of two places does not move a text closer to an unrelated text than to itself."""
    worst, where = 0.0, "all alike"
    for found in (subject.topics, subject.pairs, subject.retrieval):
        compared = subject.effort.edited
        changed = compared if found.golden is None else subject.effort.edited_beside_goldens
        for part, vectors in zip(found.labelled.parts, found.vectors, strict=True):
            far, row = farthest_of(subject.encoder, part, vectors, compared, changed)
            if not far <= worst:
                worst, where = far, f"{part.name} {row + 1}"
    gate.require(worst, evidence=f"worst: {where}")
