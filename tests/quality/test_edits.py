"""A small edit moves a vector a little: no other text comes nearer than the text itself."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from embeddings.evaluation.embed import embed_part
from embeddings.evaluation.gate import Gate
from embeddings.evaluation.labelled import Part
from embeddings.evaluation.resampling import sample
from embeddings.evaluation.similarity import folded, unit
from embeddings.evaluation.subject import Subject

pytestmark = pytest.mark.quality
MOST = 600  # texts of a part that are edited and compared
ALIKE = 0.5  # a text that shares so many runs of three letters says nearly the same: no stranger


def edits(text: str) -> tuple[str, str]:
    """Set a comma after the first quarter of the words, or after the first half."""
    words = text.split()
    one, other = (max(1, len(words) // share) for share in (4, 2))
    return tuple(f"{' '.join(words[:at])}, {' '.join(words[at:])}".strip() for at in (one, other))  # type: ignore[return-value]


def strangers(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the pairs (N, N) of texts that do not say nearly the same."""
    runs = [{of[at : at + 3] for at in range(max(len(of) - 2, 1))} for of in map(folded, texts)]
    column = {run: number for number, run in enumerate(set().union(*runs))}
    has = np.zeros((len(texts), len(column)), dtype=np.float32)
    for row, of in enumerate(runs):
        has[row, [column[run] for run in of]] = 1
    shared, sizes = has @ has.T, has.sum(axis=1)
    return np.asarray(shared <= ALIKE * (sizes[:, None] + sizes - shared))


def moved(
    vectors: NDArray[np.floating], edited: NDArray[np.floating], apart: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return how far each edit went (N,): its distance (1 - cosine) from its text over that from the next.

    1 or more where a stranger (apart: (N, N)) is as near as the text itself.
    """
    cosines = unit(edited) @ unit(vectors).T
    nearest = np.where(apart, cosines, -1.0).max(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((1 - cosines.diagonal()) / (1 - nearest))


def test_edited_texts(subject: Subject, gate: Gate) -> None:
    """A comma among its words leaves a text nearer to itself than to any stranger, in one place of two."""
    worst, where = 0.0, "all alike"
    for found in (subject.topics, subject.pairs, subject.retrieval):
        for part, vectors in zip(found.labelled.parts, found.vectors, strict=True):
            rows = sample(part.count, MOST)
            kept = set(rows.tolist())
            texts = [text for row, text in enumerate(part.texts) if row in kept]
            apart = strangers(texts)
            ways = [
                moved(
                    vectors[rows],
                    embed_part(subject.encoder, Part(part.name, some, len(some), part.role)),
                    apart,
                )
                for some in zip(*map(edits, texts), strict=True)
            ]
            far = np.minimum(*ways)  # NaN stays NaN
            if not far.max() <= worst:
                worst, where = float(far.max()), f"{part.name} {rows[int(np.argmax(far))] + 1}"
    gate.require(worst, evidence=f"worst: {where}")
