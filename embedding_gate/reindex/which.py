"""Which texts drifted, where only some did: by length, script, prompt or position."""

import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.labelled import Part

__all__ = ["Text", "split", "texts_of", "which"]

GAP = 10.0  # times: how far apart the differences of drifted and other texts must lie
ALIKE = 0.9  # of a rule's texts and the drifted ones: common over all (Jaccard)
CALL = 32  # texts of a server's call
NAMED = 3
Marks = NDArray[np.bool_]


@dataclass(frozen=True)
class Text:
    """A text: its name, length in characters, script, role (the prompt's name), and number in its part."""

    name: str
    length: int
    script: str
    role: str
    position: int


def texts_of(parts: Sequence[Part]) -> list[Text]:
    """Describe the texts of all parts."""
    return [
        Text(f"{part.name} {row + 1}", len(text), script_of(text), part.role, row)
        for part in parts
        for row, text in enumerate(part.texts)
    ]


def script_of(text: str) -> str:
    """Name the script of most letters, "Latin" or "Cjk"; "none" of a text without letters."""
    names = (unicodedata.name(letter, "").partition(" ")[0] for letter in text[:200] if letter.isalpha())
    found = Counter(names).most_common(1)
    return found[0][0].capitalize() if found else "none"


def split(differences: NDArray[np.float64], floor: float) -> Marks | None:
    """Mark the texts (N,) that drifted, if there is a gap between their differences and those of the others.

    differences: of each text's two vectors. floor: a difference below it is none.
    """
    order = np.argsort(differences, kind="stable")
    sizes = np.maximum(differences[order], floor)
    steps = sizes[1:] / sizes[:-1]
    if not len(steps) or steps.max() < GAP:
        return None
    drifted = np.zeros(len(differences), dtype=bool)
    drifted[order[int(steps.argmax()) + 1 :]] = True
    return drifted


def which(texts: Sequence[Text], drifted: Marks) -> str:
    """Say which texts drifted, by the first rule that fits best, or by their names."""
    best, words = 0.0, ""
    for rule, marks in _rules(texts):
        alike = float((marks & drifted).sum() / (marks | drifted).sum())
        if alike > best + 1e-9:
            best, words = alike, rule
    if best >= ALIKE:
        return words
    names = [text.name for text, marked in zip(texts, drifted, strict=True) if marked]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"{', '.join(names[:NAMED])}{more}; no length, script, prompt or position tells them"


def _rules(texts: Sequence[Text]) -> Iterator[tuple[str, Marks]]:
    """Yield each rule in words, with the texts that it marks."""
    lengths = np.array([text.length for text in texts])
    for limit in np.unique(lengths)[1:].tolist():
        yield f"texts of {limit} characters or more", lengths >= limit
        yield f"texts of fewer than {limit} characters", lengths < limit
    for script in sorted({text.script for text in texts}):
        yield f"texts in {script} script", np.array([text.script == script for text in texts])
    for role in sorted({text.role for text in texts} - {""}):
        yield f"texts with the prompt of a {role}", np.array([text.role == role for text in texts])
    positions = np.array([text.position for text in texts])
    for limit in np.unique(positions)[1:].tolist():
        yield f"texts from number {limit + 1} of a call on", positions >= limit
    for place in range(CALL):
        yield f"texts at place {place + 1} of each {CALL} of a call", positions % CALL == place
