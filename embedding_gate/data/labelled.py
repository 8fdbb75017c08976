"""Labelled texts: topics and graded pairs, the gate's or the user's."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from embedding_gate.data.row import Row
from embedding_gate.data.rows import content_hash, read_rows, unique
from embedding_gate.errors import FixtureError

__all__ = ["OUTLIER", "Labelled", "Pairs", "Part", "Topics", "check_topics", "read_pairs", "read_topics"]

OUTLIER = "outlier"
PAIR = ("sentence1", "sentence2", "score")
# SICK.txt and its copies on the hub: https://zenodo.org/records/2787612
SICK = {"sentence_a": "sentence1", "sentence_b": "sentence2", "relatedness_score": "score"}
# The files of http://ixa2.si.ehu.eus/stswiki, which have no header. Some lines have further columns.
STSBENCHMARK = ("genre", "filename", "year", "index", "score", "sentence1", "sentence2")


@dataclass(frozen=True)
class Part:
    """Texts of a set that are encoded with the same prompt. role: "query", "document", or "" for neither."""

    name: str
    texts: Iterable[str]
    count: int
    role: str = ""


class Labelled(Protocol):
    """What all sets have: a hash of their content, and texts to encode."""

    @property
    def sha256(self) -> str:
        """SHA-256 of everything that a measurement depends on."""

    @property
    def parts(self) -> tuple[Part, ...]:
        """The texts."""


@dataclass(frozen=True)
class Topics:
    """N texts, each with a label of its own and a category; the category "outlier" belongs to no topic.

    sha256: of categories and texts. It does not depend on the kind of file.
    """

    labels: tuple[str, ...]
    categories: tuple[str, ...]
    texts: tuple[str, ...]
    sha256: str

    @property
    def sha256_of_texts(self) -> str:
        """SHA-256 over the texts joined by line feeds: how published figures name their texts."""
        return hashlib.sha256("\n".join(self.texts).encode()).hexdigest()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The texts."""
        return (Part("topics", self.texts, len(self.texts)),)


@dataclass(frozen=True)
class Pairs:
    """N pairs of sentences with the grades (N,) that people gave their similarity; higher is more alike."""

    one: tuple[str, ...]
    other: tuple[str, ...]
    grades: NDArray[np.float64]
    sha256: str

    @property
    def parts(self) -> tuple[Part, ...]:
        """The first and the second sentences."""
        sides = (self.one, self.other)
        return tuple(Part("pairs", side, len(side)) for side in sides)

    def first(self, pairs: int, *, after: int = 0) -> "Pairs":
        """Return a smaller set: the first pairs, after leaving some out."""
        kept = slice(after, after + pairs)
        sha256 = content_hash([(self.sha256, *(("after", after) if after else ()), "first", pairs)])
        return Pairs(self.one[kept], self.other[kept], self.grades[kept], sha256)


def read_topics(path: Path) -> Topics:
    """Read texts by topic: columns category and text, and optionally label or id.

    A column ``label`` names the texts. Classification sets have it too, and there it is the class: where
    there is no category, a label that repeats is the category. Beside a category, a label of the same
    classes is left out.

    Raises:
        FixtureError: the file is malformed (names the line), has a label twice, or fewer than two
            categories of at least two texts.

    """
    rows = list(read_rows(path, ("text",)))
    said = [_said(row, "label") for row in rows]
    if all("category" in row.values for row in rows):
        categories = [row.text("category").strip() for row in rows]
    elif len(set(said)) < len(rows) and all(said):
        categories = said
    else:
        lacking = next(row for row in rows if "category" not in row.values)
        raise FixtureError(
            lacking.where if path.suffix == ".jsonl" else f"{path}, header",
            f"lacks category; has {', '.join(lacking.values) or 'nothing'}",
            hint="give category and text; a label that repeats is a category too",
        )
    if _same_classes(said, categories):
        said = [""] * len(rows)
    labels = [
        (row.where, name or _said(row, "id") or f"text-{number}")
        for number, (row, name) in enumerate(zip(rows, said, strict=True), start=1)
    ]
    texts = [row.text("text") for row in rows]
    topics = Topics(
        unique(labels, "label"),
        tuple(categories),
        tuple(texts),
        content_hash(zip(categories, texts, strict=True)),
    )
    check_topics(path, topics)
    return topics


def _said(row: Row, column: str) -> str:
    """Return what a column says, as text. 0 is something, None and "" are nothing."""
    value = row.values.get(column)
    return "" if value is None else str(value).strip()


def _same_classes(labels: Sequence[str], categories: Sequence[str]) -> bool:
    """Tell whether labels repeat and group the texts as the categories do."""
    pairs, count = set(zip(labels, categories, strict=True)), len(set(labels))
    return count < len(labels) and len(pairs) == count == len(set(categories))


def check_topics(where: Path, topics: Topics) -> None:
    """Refuse a set without anything to compare.

    Raises:
        FixtureError: fewer than two categories of at least two texts, outliers left out; more outliers than
            other texts; or one text in two categories.

    """
    of: dict[str, str] = {}
    for category, text in zip(topics.categories, topics.texts, strict=True):
        if of.setdefault(text, category) != category:
            raise FixtureError(
                where, f"the same text in {of[text]} and {category}: {text[:40]!r}", hint="keep it in one"
            )
    if (outliers := topics.categories.count(OUTLIER)) > len(topics.categories) / 2:
        raise FixtureError(
            where, f"{outliers} of {len(topics.categories)} texts are outliers", hint="leave some of them out"
        )
    sizes = Counter(category for category in topics.categories if category != OUTLIER)
    if sum(size > 1 for size in sizes.values()) < 2:
        raise FixtureError(
            where,
            f"must hold two categories of two texts or more, got {dict(sizes)}",
            hint="add texts: similarity within a topic needs another topic to compare with",
        )


def read_pairs(path: Path) -> Pairs:
    """Read graded pairs: columns sentence1, sentence2 and score, or those of STSbenchmark or of SICK.

    Raises:
        FixtureError: the file is malformed (names the line), or has fewer than three pairs or one grade only.

    """
    rows = [
        (row.text("sentence1"), row.text("sentence2"), row.number("score"))
        for row in read_rows(path, PAIR, also_called=SICK, without_header=STSBENCHMARK)
    ]
    if len(rows) < 3 or len({score for _, _, score in rows}) == 1:
        raise FixtureError(path, "must hold three pairs or more, and two grades", hint="add pairs")
    one, other, grades = zip(*rows, strict=True)
    return Pairs(one, other, np.array(grades), content_hash(rows))
