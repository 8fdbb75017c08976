"""Agreement with published figures: how far a model is from each, and how far it may be."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.anchors import Anchors, Cosines, Role, Source, Vectors

__all__ = ["ROUNDING", "Agreement", "Rounding", "agreements"]

Array = NDArray[np.float64]
Encode = Callable[[Sequence[str], Role], NDArray[np.floating]]


@dataclass(frozen=True)
class Rounding:
    """How far off a right model may be in one precision: a cosine, and a vector of length 1 (a distance)."""

    cosine: float
    direction: float


# Four times the largest difference from float64 that sentence-transformers 6.2 has on the texts of the
# embedded model's anchors, with all-MiniLM-L6-v2 and all-mpnet-base-v2 (tests/reference/anchor_rounding.py).
# Measured: float32 2.7e-07 and 9.8e-07, float16 3.9e-04 and 1.7e-03, bfloat16 3.0e-03 and 1.2e-02. "unstated"
# is the coarsest of them: cosines that were published twice differ by 2.6e-03 at most.
ROUNDING = {
    "": Rounding(0.0, 0.0),
    "float32": Rounding(1.1e-06, 4.0e-06),
    "float16": Rounding(1.6e-03, 7.0e-03),
    "bfloat16": Rounding(1.2e-02, 5.0e-02),
    "unstated": Rounding(1.2e-02, 5.0e-02),
}


@dataclass(frozen=True)
class Agreement:
    """One figure beside the model's own.

    what: the figure in words. difference: how far the model is from it. allowed: how far it may be.
    wrong: the other recipe that the figure was made with, or "".
    """

    source: Source
    what: str
    difference: float
    allowed: float
    wrong: str

    @property
    def ratio(self) -> float:
        """The difference, as a share of the allowed one: above 1 the model disagrees."""
        return self.difference / self.allowed

    def __str__(self) -> str:
        off = f"off by {self.difference:.2g}, allowed {self.allowed:.2g}"
        return f"{self.what} of {self.source.repository} {self.source.path}: {off}"


def agreements(anchors: Anchors, encode: Encode, *precisions: str) -> Iterator[Agreement]:
    """Compare a model with every figure published of it.

    encode: returns vectors (N, D) of N texts, each of which goes through the model's prompt for a role.
    precisions: what the model itself is rounded to. Each adds to what is allowed.
    """
    known: dict[tuple[str, Role], Array] = {}
    for role, texts in anchors.texts.items():
        known |= {
            (text, role): _unit(vector) for text, vector in zip(texts, encode(texts, role), strict=True)
        }
    own = [ROUNDING[precision] for precision in precisions]
    for source in anchors.source:
        rounding = [ROUNDING[source.precision], *own]
        for cosines in source.cosines:
            allowed = sum(one.cosine for one in rounding) + source.difference + _half(cosines.digits)
            yield from _cosines(source, cosines, known, allowed)
        for vectors in source.vectors:
            allowed = sum(one.direction for one in rounding) + source.difference
            yield from _vectors(source, vectors, known, 0.0 if source.bar else allowed)


def _cosines(
    source: Source, figure: Cosines, known: Mapping[tuple[str, Role], Array], allowed: float
) -> Iterator[Agreement]:
    roles: tuple[Role, Role] = ("query", "document") if figure.roles else ("", "")
    for row, query in enumerate(figure.queries):
        for column, document in enumerate(figure.documents or figure.queries):
            if not figure.documents and column <= row:  # the same cosine twice, or that of a text with itself
                continue
            pair = known[query, roles[0]], known[document, roles[1]]
            left, right = (_unit(vector[: figure.dimensions or None]) for vector in pair)
            difference = abs(float(left @ right) - figure.values[row][column])
            yield Agreement(
                source, f"cosine of {query!r} and {document!r}", difference, allowed, figure.wrong
            )


def _vectors(
    source: Source, figure: Vectors, known: Mapping[tuple[str, Role], Array], allowed: float
) -> Iterator[Agreement]:
    """Compare the published part of vectors; only its direction if the published vector is not scaled."""
    for text, values in zip(figure.texts, figure.values, strict=True):
        published = np.array(values)
        own = known[text, figure.role][: len(values)]
        length, share = (1.0, 1.0) if figure.scaled else map(float, map(np.linalg.norm, (published, own)))
        digits = max(_half(figure.digits), source.bar) * sqrt(len(values)) / length
        difference = float(np.linalg.norm(own / share - published / length))
        yield Agreement(source, f"vector of {text!r}", difference, allowed / share + digits, figure.wrong)


def _unit(vector: NDArray[np.floating]) -> Array:
    wide = vector.astype(np.float64)
    scaled: Array = wide / np.linalg.norm(wide)
    return scaled


def _half(digits: int) -> float:
    """Return half a unit of the last printed decimal."""
    return 0.5 * 10.0**-digits
