"""Worlds: new texts in the gate's labelled sets. Words are exchanged and left out at random."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np

from embedding_gate.data.labelled import Pairs, Topics
from embedding_gate.own_files import sets, texts
from embedding_gate.reindex.canaries import Canaries, StoredRetrieval, canaries_of

__all__ = ["WORLDS", "world"]

WORLDS = 3
EXCHANGED, LEFT_OUT = 0.15, 0.05  # shares of the words
LONGEST = 600  # characters
PAIRS, QUERIES = 60, 30


@cache
def world(number: int) -> Canaries:
    """Return the texts of a world."""
    draw, known = np.random.default_rng(1000 + number), sets()
    words = sorted({word for text in known.topics.texts for word in text.split()})

    def edited(some: Sequence[str]) -> tuple[str, ...]:
        return tuple(_edited(text, words, draw) for text in some)

    rows = [row for row, text in enumerate(texts().texts) if len(text) <= LONGEST][number % 2 :: 2]
    few = texts().rows(rows)
    retrieval = known.retrieval.first(QUERIES, after=QUERIES * (number % 2))
    topics = Topics(known.topics.labels, known.topics.categories, edited(known.topics.texts), "")
    pairs = known.pairs.first(PAIRS, after=PAIRS * (number % 2))
    stored = StoredRetrieval(
        **{name: getattr(retrieval, name) for name in retrieval.__dataclass_fields__},
        stored=edited(list(retrieval.passages())),
    )
    asked = replace(stored, queries=edited(retrieval.queries))
    new = replace(known, topics=topics, pairs=Pairs(edited(pairs.one), edited(pairs.other), pairs.grades, ""))
    return canaries_of(few, replace(new, retrieval=asked), own=False)


def _edited(text: str, words: Sequence[str], draw: np.random.Generator) -> str:
    kept = []
    for word in text.split():
        chance = draw.random()
        if chance < EXCHANGED:
            kept.append(words[int(draw.integers(len(words)))])
        elif chance >= EXCHANGED + LEFT_OUT:
            kept.append(word)
    return " ".join(kept) or text
