"""Kinds of drift, planted in recorded vectors by arithmetic of its own: none of it is that of the diagnosis.

A kind has strengths. Each gives new vectors, and says which answers are right. An empty set of answers means
that any answer may be right: it depends on what the figures tell.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from embedding_gate.reindex.which import script_of

__all__ = ["KINDS", "Case", "Planted"]

Vectors = NDArray[np.float64]
RE_INDEX, COMPATIBLE, SAME = (
    frozenset({"re-index"}),
    frozenset({"compatible"}),
    frozenset({"same", "identical"}),
)
HARMLESS, ANY = SAME | COMPATIBLE, frozenset[str]()


@dataclass(frozen=True)
class Case:
    """What a case starts from.

    recorded: variant -> vectors (N, D), "base" among them. texts, roles, rows: of the N texts, the prompt of
    each and its number in its part. meaning: whether the figures of the base mean anything.
    """

    recorded: Mapping[str, Vectors]
    texts: list[str]
    roles: NDArray[np.str_]
    rows: NDArray[np.int64]
    draw: np.random.Generator
    meaning: bool

    @property
    def base(self) -> Vectors:
        """The old vectors."""
        return self.recorded["base"]


@dataclass(frozen=True)
class Planted:
    """New vectors, and what is right to say of them. rule: words that must tell which texts drifted."""

    vectors: Vectors
    answers: frozenset[str]
    rule: str = ""
    bits: int = 0


Plant = Callable[[Case, Any], Planted]


@dataclass(frozen=True)
class Kind:
    """A kind of drift: the reason that is right, and the strengths at which it is planted."""

    reason: str
    strengths: tuple[Any, ...]
    plant: Plant
    right_reasons: frozenset[str] = field(default=frozenset())

    @property
    def reasons(self) -> frozenset[str]:
        """The reasons that are right."""
        return self.right_reasons or frozenset({self.reason})


def scaled(vectors: Vectors) -> Vectors:
    """Divide each vector by its length."""
    return np.asarray(vectors / np.sqrt((vectors**2).sum(axis=1))[:, None])


def direction(case: Case) -> Vectors:
    """Draw a direction: (1, D)."""
    return scaled(case.draw.normal(size=(1, case.base.shape[1])))


def arithmetic(case: Case, size: float) -> Planted:
    return Planted(case.base + case.draw.uniform(-size, size, case.base.shape), SAME)


def negated(case: Case, noise: float) -> Planted:
    return Planted(noisy(-case.base, noise, case), RE_INDEX)


def noisy(vectors: Vectors, size: float, case: Case) -> Vectors:
    return vectors + size * case.draw.normal(size=vectors.shape)


def permuted(case: Case, share: float) -> Planted:
    """Move a share of the dimensions round, at least two."""
    width = case.base.shape[1]
    chosen = case.draw.permutation(width)[: max(2, round(share * width))]
    order = np.arange(width)
    order[chosen] = np.roll(chosen, 1)
    return Planted(case.base[:, order], RE_INDEX)


def flipped(case: Case, share: float) -> Planted:
    width = case.base.shape[1]
    signs = np.ones(width)
    strong = np.argsort(-np.square(case.base).sum(axis=0))[: width // 2]  # a dimension of zeros has no sign
    signs[case.draw.permutation(strong)[: max(1, round(share * width))]] = -1
    return Planted(case.base * signs, RE_INDEX)


def rotated(case: Case, strength: tuple[float, bool]) -> Planted:
    """Turn planes of two dimensions by an angle, in a basis of their own; then round to float16, or not."""
    angle, half = strength
    width = case.base.shape[1]
    basis, _ = np.linalg.qr(case.draw.normal(size=(width, width)))
    turn = np.eye(width)
    cos, sin = np.cos(angle), np.sin(angle)
    for one in range(0, width - 1, 2):
        turn[one : one + 2, one : one + 2] = [[cos, -sin], [sin, cos]]
    found = case.base @ basis @ turn @ basis.T
    return Planted(found.astype(np.float16).astype(np.float64) if half else found, RE_INDEX)


def longer(case: Case, factor: float) -> Planted:
    return Planted(factor * case.base, RE_INDEX)


def not_normalised(case: Case, spread: float) -> Planted:
    return Planted(np.exp(case.draw.normal(1, spread, (len(case.base), 1))) * case.base, RE_INDEX)


def moved(case: Case, size: float) -> Planted:
    answers = {0.05: COMPATIBLE, 1.0: RE_INDEX}.get(size, ANY) if case.meaning else ANY
    return Planted(scaled(case.base + size * direction(case)), answers)


def fewer_bits(case: Case, bits: int) -> Planted:
    answers = {16: COMPATIBLE, 8: COMPATIBLE}.get(bits, ANY)
    if case.meaning:
        answers = {6: COMPATIBLE, 2: RE_INDEX}.get(bits, answers)
    return Planted(case.recorded[f"{bits} bits"], answers, bits=bits)


def shorter(case: Case, share: float) -> Planted:
    return Planted(scaled(case.base[:, : round(share * case.base.shape[1])]), RE_INDEX)


def encoded_otherwise(case: Case, which: int) -> Planted:
    names = [name for name in sorted(case.recorded) if "pooling" in name or "prompt" in name]
    return Planted(case.recorded[names[which % len(names)]], COMPATIBLE | RE_INDEX)


def other_model(case: Case, which: str) -> Planted:
    """Vectors that have nothing to do with the old: of words, or of other texts."""
    if which == "texts exchanged":
        return Planted(np.roll(case.base, 1 + int(case.draw.integers(len(case.base) - 2)), axis=0), RE_INDEX)
    words: dict[str, Vectors] = {}
    width = case.base.shape[1] // (2 if which == "words, half the dimensions" else 1)
    found = np.zeros((len(case.base), width))
    for row, text in enumerate(case.texts):
        for word in text.lower().split() or [""]:
            found[row] += words.setdefault(word, case.draw.normal(size=width))
    return Planted(scaled(found), RE_INDEX)


def some(case: Case, by: str) -> Planted:
    """Negate the vectors of some texts, or move them."""
    lengths = np.array([len(text) for text in case.texts])
    scripts = np.array([script_of(text) for text in case.texts])
    if by == "length":
        limit = int(np.quantile(lengths, case.draw.uniform(0.5, 0.95)))
        chosen, rule = lengths >= limit, "characters or more"
    elif by == "script":
        script = case.draw.choice([one for one in ("Cyrillic", "Greek", "Arabic") if one in scripts])
        chosen, rule = scripts == script, f"texts in {script} script"
    elif by == "prompt":
        role = str(case.draw.choice(["query", "document"]))
        chosen, rule = case.roles == role, f"texts with the prompt of a {role}"
    else:
        place = int(case.draw.integers(32))
        chosen, rule = case.rows % 32 == place, f"texts at place {place + 1} of each 32"
    if case.draw.random() < 0.5:
        return Planted(np.where(chosen[:, None], -case.base, case.base), RE_INDEX, rule)
    other = scaled(case.base + 0.3 * direction(case))
    return Planted(np.where(chosen[:, None], other, case.base), COMPATIBLE | RE_INDEX, rule)


def harmless(case: Case, which: str) -> Planted:
    return Planted(case.recorded[which], HARMLESS)


KINDS: Mapping[str, Kind] = {
    "arithmetic": Kind("arithmetic", (1e-8, 2e-7, 1e-6), arithmetic, frozenset({"arithmetic", "nothing"})),
    "other batches, 16 bits, 8 bits": Kind(
        "harmless",
        ("other batches", "16 bits", "8 bits"),
        harmless,
        frozenset({"nothing", "arithmetic", "quantization noise"}),
    ),
    "sign": Kind("sign", (0.0, 1e-5, 1e-3), negated),
    "permuted dimensions": Kind("permuted dimensions", (0.0, 0.05, 0.5, 1.0), permuted),
    "sign of some dimensions": Kind("sign of some dimensions", (0.0, 0.05, 0.25), flipped),
    "rotation": Kind("rotation", ((0.01, False), (0.3, False), (0.3, True), (2.0, True)), rotated),
    "scale": Kind("scale", (0.5, 1.01, 10.0), longer),
    "missing normalisation": Kind("missing normalisation", (0.05, 0.3), not_normalised),
    "mean shift": Kind("mean shift", (0.05, 0.3, 1.0), moved),
    "quantization noise": Kind("quantization noise", (16, 8, 6, 4, 3, 2), fewer_bits),
    "shorter dimensions": Kind("shorter dimensions", (0.75, 0.5, 0.25), shorter),
    "another encoding": Kind("another encoding", (0, 1, 2), encoded_otherwise),
    "another model": Kind(
        "another model", ("texts exchanged", "words", "words, half the dimensions"), other_model
    ),
    "some texts only": Kind("some texts only", ("length", "script", "prompt", "position"), some),
}
