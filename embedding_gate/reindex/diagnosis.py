"""Why vectors drifted, from the two sets of vectors alone. The first reason that explains them is told.

docs/reindex.md lists the reasons, and what each costs. An exact reason is a map from old to new vectors: the
two then live in two spaces, however little the figures tell of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from embedding_gate.metrics.similarity import unit
from embedding_gate.reindex import maps
from embedding_gate.reindex.limits import limits
from embedding_gate.reindex.maps import Floats
from embedding_gate.reindex.which import Text, split, which

__all__ = ["Pair", "Reason", "diagnose"]

EXPLAINED = 0.05  # share of the difference that a map may leave, if it is the reason
LENGTHS = 1e-3  # relative change of a vector's length that is no rounding
SAME_DIRECTION = 1e-3  # 1 - cosine of two vectors that differ in their lengths
UNTOUCHED = 0.05  # share of the texts that must be as they were, if only some drifted
FEW = 10  # texts that tell no reason of their own
NORMALISE = "scaling the new vectors to the old lengths"


@dataclass(frozen=True)
class Reason:
    """A reason.

    kind: its name in docs/reindex.md. words: what is so, with its figures. exact: whether it is a map between
    two spaces. remedy: what to do in place of a new index, if anything is. undo: the map of old unit
    vectors that the remedy is, if it needs no more texts. drifted: the texts (N,) that it is about, or None.
    """

    kind: str
    words: str
    exact: bool = False
    remedy: str = ""
    undo: maps.Map | None = None
    drifted: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Pair:
    """Old and new vectors of N texts.

    old, new: (N, D) and (N, D'). texts: what is known of the texts. floor: the largest difference of a
    component that arithmetic makes.
    """

    old: NDArray[np.float32]
    new: NDArray[np.float32]
    texts: Sequence[Text]
    floor: float

    @property
    def differences(self) -> Floats:
        """The largest difference of a component of each text's two vectors: (N,)."""
        return np.asarray(np.abs(self.new.astype(np.float64) - self.old).max(axis=1, initial=0.0))

    def rows(self, rows: NDArray[np.bool_]) -> "Pair":
        """Return the pair of some texts."""
        texts = [text for text, chosen in zip(self.texts, rows, strict=True) if chosen]
        return replace(self, old=self.old[rows], new=self.new[rows], texts=texts)


def diagnose(pair: Pair) -> Reason:
    """Tell why the vectors of a pair differ. They do."""
    if pair.old.shape[1] != pair.new.shape[1]:
        return _dimensions(pair)
    old, new = unit(pair.old), unit(pair.new)
    known = np.isfinite(old).all(axis=1) & np.isfinite(new).all(axis=1)  # a zero vector has no direction
    old, new = old[known], new[known]
    if np.abs(new - old).max(initial=0.0) <= pair.floor and (reason := _scaled(pair)):
        return reason
    for look in (_sign, _permuted, _rotated):
        if reason := look(pair, old, new):
            return reason
    return _scaled(pair) or _some(pair) or _shifted(old, new) or _noise(old, new) or _changed(old, new)


def _dimensions(pair: Pair) -> Reason:
    """Compare vectors of two lengths: the shorter may be the beginning of the longer."""
    counts = pair.old.shape[1], pair.new.shape[1]
    old, new = (unit(of[:, : min(counts)]) for of in (pair.old, pair.new))
    words = f"{counts[0]} -> {counts[1]} dimensions"
    if _apart(old, new) > SAME_DIRECTION:
        return Reason("another model", f"{words}, and the first {min(counts)} are others", exact=True)
    which_one = "old" if counts[0] > counts[1] else "new"
    remedy = f"cutting the {which_one} vectors to {min(counts)} dimensions, and scaling them to length 1"
    words = f"{words}, of which the first are the same"
    if counts[0] < counts[1]:
        return Reason("shorter dimensions", words, exact=True, remedy=remedy)
    return Reason("shorter dimensions", words, exact=True, remedy=remedy, undo=lambda of: of[:, : counts[1]])


def _sign(_: Pair, old: Floats, new: Floats) -> Reason | None:
    left = maps.residual(-old, new, old)
    if left > EXPLAINED:
        return None
    words = f"each vector is negated{_rest(left)}"
    return Reason("sign", words, exact=True, remedy="negating the old vectors", undo=np.negative)


def _permuted(_: Pair, old: Floats, new: Floats) -> Reason | None:
    order, signs = maps.fit_permutation(old, new)
    left = maps.residual(old[:, order] * signs, new, old)
    moved, turned = int((order != np.arange(len(order))).sum()), int((signs < 0).sum())
    if left > EXPLAINED or not moved + turned:
        return None
    parts = [f"{moved} of {len(order)} dimensions stand at another place"] if moved else []
    parts += [f"{turned} of {len(order)} dimensions are negated"] if turned else []
    kind = "permuted dimensions" if moved else "sign of some dimensions"
    words = f"{', '.join(parts)}{_rest(left)}"
    remedy = "ordering and negating the old vectors' dimensions likewise"
    return Reason(kind, words, exact=True, remedy=remedy, undo=lambda of: of[:, order] * signs)


def _rotated(_: Pair, old: Floats, new: Floats) -> Reason | None:
    """Look for an orthogonal map, of the vectors from their mean: a mean that moved is no rotation."""
    centred = [of - of.mean(axis=0) for of in (old, new)]
    left = 0.0 if maps.turned_only(old, new) else _left(maps.fit_rotation, *centred)
    if left > EXPLAINED:
        return None
    words = f"an orthogonal map leads from old to new vectors{_rest(left)}"
    return Reason("rotation", words, exact=True, remedy="mapping the old vectors by it")


def _scaled(pair: Pair) -> Reason | None:
    lengths = [np.linalg.norm(of.astype(np.float64), axis=1) for of in (pair.old, pair.new)]
    ratios = lengths[1] / np.maximum(lengths[0], 1e-12)
    apart = _apart(unit(pair.old), unit(pair.new))
    if np.abs(ratios - 1).max() <= max(LENGTHS, np.sqrt(2 * apart)) or apart > SAME_DIRECTION:
        return None  # what moves directions as far as lengths is no change of lengths
    low, middle, high = np.quantile(ratios, [0.0, 0.5, 1.0])
    if high - low <= LENGTHS * middle:
        words = f"each vector is {middle:.4g} times as long"
        return Reason("scale", words, exact=True, remedy=NORMALISE)
    words = f"directions are the same, and lengths are {low:.4g} to {high:.4g} times the old ones"
    return Reason("missing normalisation", words, exact=True, remedy=NORMALISE)


def _some(pair: Pair) -> Reason | None:
    """Look for texts that drifted where others did not."""
    drifted = split(pair.differences, pair.floor)
    if drifted is None or drifted.mean() > 1 - UNTOUCHED:
        return None
    inner = diagnose(pair.rows(drifted)) if drifted.sum() >= FEW else None
    why = f" ({inner.kind})" if inner and inner.exact else ""
    words = f"{drifted.sum():,} of {len(drifted):,} texts, {which(pair.texts, drifted)}{why}"
    return Reason("some texts only", words, remedy="encoding those texts again", drifted=drifted)


def _shifted(old: Floats, new: Floats) -> Reason | None:
    left = _left(maps.fit_shift, old, new)
    if left > EXPLAINED:
        return None
    words = f"the same vector is added to each{_rest(left)}"
    return Reason(
        "mean shift", words, remedy="adding that vector to the old ones, and scaling them to length 1"
    )


def _noise(old: Floats, new: Floats) -> Reason | None:
    """Look for the noise of fewer bits: of about one size in all texts, and of no direction of its own."""
    noise, apart = limits().noise, _apart(old, new)
    low, high = np.quantile(np.linalg.norm(new - old, axis=1), [0.05, 0.95])
    if apart > noise.small:
        own = _common(new - old) > _common(old) + noise.common
        if apart > noise.most or high > noise.spread * low or own:
            return None
    elif high > noise.spread_small * low:
        return None
    words = f"as of weights in {noise.bits_of(apart)} bits: median of 1 - cosine {apart:.2g}"
    return Reason("quantization noise", words)


def _common(vectors: Floats) -> float:
    """Return the share of the squares that the mean has: (N, D)."""
    return float(np.square(vectors.mean(axis=0)).sum() / np.square(vectors).sum() * len(vectors))


def _changed(old: Floats, new: Floats) -> Reason:
    """Tell another encoding of the same model from another model, whose space is unlike the old."""
    cosines = old @ new.T
    own = float(np.diagonal(cosines).mean())
    others = float((cosines.sum() - np.diagonal(cosines).sum()) / (cosines.size - len(cosines)))
    left = _left(maps.fit_linear, old, new)
    words = (
        f"cosine of a text's two vectors {own:.3f}, of two texts {others:.3f}; a linear map explains "
        f"{max(1 - left, 0):.0%} of the difference"
    )
    if own - others > limits().noise.aligned * (1 - others):
        return Reason("another encoding", f"the same space, another pooling, prompt or training: {words}")
    return Reason("another model", words, exact=True)


def _apart(old: Floats, new: Floats) -> float:
    """Return the median of 1 - cosine of each text's two unit vectors: (N, D) and (N, D)."""
    return float(np.nanmedian(np.square(new - old).sum(axis=1) / 2))


def _left(fit: maps.Fit, old: Floats, new: Floats) -> float:
    """Return what a map leaves of the difference, fitted on half of the texts and measured on the others."""
    known, held_out = maps.halves(len(old))
    mapped = fit(old[known], new[known])(old[held_out])
    return maps.residual(mapped, new[held_out], old[held_out])


def _rest(left: float) -> str:
    return f"; {left:.2g} of the difference is left" if left > 1e-6 else ""
