"""The gate's own texts: no two alike, no template, no topic that one word gives away, labels in balance."""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.data.labelled import OUTLIER

FUNCTION_WORDS = frozenset(
    "a an the of to in on at by for from with without and or but nor so as if than then that this these "
    "those it its he she they we i you his her their our my your him them us me is was are were be been "
    "being am do does did has have had not no never will would can could may might must shall should who "
    "whom whose which what when where why how there here into onto over under after before until while "
    "during about against between through out up down off again once only just very too also every each "
    "all any some most more much many few both one two own same other another such because since whether "
    "though although".split()
)
SETS = own_files.sets()
Texts = list[tuple[str, str]]  # whose text it is, and the text; the two sentences of a pair are one's


def all_texts() -> Texts:
    pairs = zip(SETS.pairs.one, SETS.pairs.other, strict=True)
    return [
        *zip(SETS.topics.labels, SETS.topics.texts, strict=True),
        *((f"pair {number}", text) for number, pair in enumerate(pairs) for text in pair),
        *((f"query {number}", text) for number, text in enumerate(SETS.retrieval.queries)),
        *((f"passage {number}", text) for number, text in enumerate(SETS.retrieval.passages())),
    ]


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def owners(keyed: Iterable[tuple[tuple[str, ...], str]], at_most: int) -> dict[tuple[str, ...], set[str]]:
    """Return what belongs to more than so many."""
    found = defaultdict(set)
    for key, owner in keyed:
        found[key].add(owner)
    return {key: whose for key, whose in found.items() if len(whose) > at_most}


def shared_runs(texts: Texts) -> dict[tuple[str, ...], set[str]]:
    """Return the runs of four words that two have."""
    split = [(owner, words(text)) for owner, text in texts]
    return owners(((tuple(w[k : k + 4]), owner) for owner, w in split for k in range(len(w) - 3)), 1)


def shared_skeletons(texts: Texts) -> dict[tuple[str, ...], set[str]]:
    """Return what is left of two when all but function words are blanked out, where that is three or more."""
    skeletons = [
        (tuple(word if word in FUNCTION_WORDS else "_" for word in words(text)), owner)
        for owner, text in texts
    ]
    return owners((pair for pair in skeletons if sum(word != "_" for word in pair[0]) >= 3), 1)


def shared_openings(texts: Texts) -> dict[tuple[str, ...], set[str]]:
    """Return the first three words that more than two have."""
    return owners(((tuple(words(text)[:3]), owner) for owner, text in texts if len(words(text)) > 2), 2)


def telltale_words(texts: Texts) -> dict[tuple[str, ...], set[str]]:
    """Return the words that more than a quarter of a category's texts have: (category, word) -> texts."""
    sizes = Counter(category for category, _ in texts)
    keyed = (
        ((category, word), text) for category, text in texts for word in set(words(text)) - FUNCTION_WORDS
    )
    return {key: whose for key, whose in owners(keyed, 0).items() if len(whose) > sizes[key[0]] / 4}


RULES = (shared_runs, shared_skeletons, shared_openings)


@pytest.mark.parametrize("rule", RULES)
def test_no_two_texts_alike(rule) -> None:  # type: ignore[no-untyped-def]
    assert rule(all_texts()) == {}


@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        (shared_runs, ["Nobody saw the red kite land.", "She saw the red kite twice."]),
        (shared_skeletons, ["The cat sat on a mat.", "The bird flew to a nest.", "The dog slept on a rug."]),
        (shared_openings, ["In the end rain.", "In the end sun.", "In the end snow."]),
    ],
)
def test_the_rules_see_what_they_are_for(rule, texts: list[str]) -> None:  # type: ignore[no-untyped-def]
    assert rule([(str(number), text) for number, text in enumerate(texts)])
    assert not rule([("one", text) for text in texts])


def test_no_word_gives_a_topic_away() -> None:
    labelled = zip(SETS.topics.categories, SETS.topics.texts, strict=True)
    assert telltale_words([pair for pair in labelled if pair[0] != OUTLIER]) == {}
    assert telltale_words([("food", f"{dish} soup") for dish in ("hot", "cold", "pea")])


def test_topics_are_balanced() -> None:
    sizes = Counter(SETS.topics.categories)
    assert {"technology", "nature", "emotions", "science", "food", "sports", "art", "travel"} <= sizes.keys()
    assert sizes[OUTLIER] >= 8
    del sizes[OUTLIER]
    assert min(sizes.values()) == max(sizes.values()) >= 12
    lengths = defaultdict(list)
    for category, text in zip(SETS.topics.categories, SETS.topics.texts, strict=True):
        lengths[category].append(len(words(text)))
    means = [np.mean(of) for category, of in lengths.items() if category != OUTLIER]
    assert max(means) < 1.35 * min(means)  # measured 1.26


def test_pairs_are_balanced() -> None:
    """At least 120, of all grades, of all the kinds that fool a model."""
    rows = [json.loads(line) for line in (own_files.FIXTURES / "pairs.jsonl").read_text("utf-8").splitlines()]
    assert len(rows) == len(SETS.pairs.grades) >= 120
    kinds = Counter(row["kind"] for row in rows)
    assert kinds.keys() == {"paraphrase", "close", "negation", "roles", "number", "related", "unrelated"}
    assert all(count >= 6 for count in kinds.values())
    counts, _ = np.histogram(SETS.pairs.grades, bins=[0, 1, 2, 3, 4, 5.1])
    assert counts.min() >= 0.08 * len(rows)
    first, second = ([len(words(text)) for text in side] for side in (SETS.pairs.one, SETS.pairs.other))
    assert 0.9 < np.mean(first) / np.mean(second) < 1.1


def test_retrieval_is_balanced() -> None:
    """60 queries and 400 passages or more; each query has one best passage, others, and hard negatives."""
    rows = (own_files.FIXTURES / "retrieval" / "qrels" / "test.tsv").read_text("utf-8").splitlines()[1:]
    grades = defaultdict(list)
    for query, _, grade in (row.split("\t") for row in rows):
        grades[query].append(int(grade))
    assert len(grades) == len(SETS.retrieval.queries) >= 60
    assert SETS.retrieval.count >= 400
    for of in grades.values():
        assert of.count(2) == 1
        assert 1 <= of.count(1) <= 3
        assert of.count(0) >= 3
    assert len(rows) == SETS.retrieval.count  # every passage is judged for one query
