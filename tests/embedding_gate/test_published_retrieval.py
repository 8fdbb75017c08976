"""Retrieval sets as BEIR and TREC publish them: what is not there is left out, counted and said."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.data.judgements import read_judgements
from embedding_gate.data.retrieval import Retrieval, read_retrieval
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.ranking import ndcg, ndcg_of_beir, rank

CLAIMS = {  # id -> text: each claim on one side (a) and its answer (b), as in ArguAna
    "bridge-01a": "A second bridge would shorten the way to work for half of the town.",
    "bridge-01b": "A second bridge costs more than the ferry does in thirty years.",
    "clock-02a": "Clocks should stay on winter time, because children sleep better then.",
    "clock-02b": "Summer evenings with light are worth an hour of sleep in spring.",
    "mill-03a": "The old mill must be kept, since nothing else tells of the weavers.",
    "mill-03b": "The old mill is a ruin in which somebody will be hurt one day.",
}
QUERIES = [name for name in CLAIMS if name.endswith("a")]
JUDGED = [f"{name}\t{name[:-1]}b\t1" for name in QUERIES]


def written(
    folder: Path, judgements: Sequence[str], *, header: bool = True, more: Sequence[Any] = ()
) -> Path:
    """Write a set in BEIR's form; more: further objects for corpus.jsonl."""
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": name, "title": "Claim", "text": text} for name, text in CLAIMS.items()]
    queries = [{"_id": name, "text": CLAIMS[name]} for name in QUERIES]
    for name, rows in (("corpus", [*corpus, *more]), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    first = ["query-id\tcorpus-id\tscore"] if header else []
    (folder / "qrels" / "test.tsv").write_text("\n".join([*first, *judgements]) + "\n")
    return folder


def by_claim(found: Retrieval) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Vectors for which a query's own text is nearest, then the answer to it."""
    axes = {text: row // 2 for row, text in enumerate(CLAIMS.values())}
    sides = {text: row % 2 for row, text in enumerate(CLAIMS.values())}

    def vector(text: str) -> NDArray[np.float64]:
        made = np.zeros(4)
        plain = text.removeprefix("Claim ")
        if plain in axes:
            made[axes[plain]], made[3] = 1, 0.5 * sides[plain]
        return made + 0.01

    return np.array([vector(text) for text in found.queries]), np.array(
        [vector(text) for text in found.passages()]
    )


def test_the_text_of_a_query_is_not_ranked(tmp_path: Path) -> None:
    """ArguAna and Quora: beir-cellar/beir#37, allenai/ir_datasets#219. With it, nDCG@10 is 0.631."""
    found = read_retrieval(written(tmp_path, JUDGED))
    ranks = rank(*by_claim(found), found)
    assert ndcg(ranks, found).tolist() == [1, 1, 1]
    assert found.notes == (
        "left out, as in BEIR: 3 passages with the id of a query, each from that query's ranking",
    )
    few = found.first(2, after=1)
    assert few.own == {}  # none of the own texts is a judged passage, and a smaller set has these alone


def test_an_id_that_is_judged_is_ranked(tmp_path: Path) -> None:
    """Queries and passages that are both numbered from 1: the same id says nothing there."""
    found = read_retrieval(written(tmp_path, [*JUDGED, "mill-03a\tmill-03a\t1"]))
    assert {found.queries[row] for row in found.own} == {CLAIMS["bridge-01a"], CLAIMS["clock-02a"]}


def test_judgements_of_what_is_not_there(tmp_path: Path) -> None:
    """ArguAna has 5 and NFCorpus has queries: beir-cellar/beir#172 and #202."""
    lines = [*JUDGED[:2], "clock-02a\tclock-02c\t1", "mill-03a\tmill-03c\t2", "gone-04a\tmill-03b\t1"]
    found = read_retrieval(written(tmp_path, lines))
    assert found.queries == (CLAIMS["bridge-01a"], CLAIMS["clock-02a"])
    assert found.notes[:2] == (
        "left out: 1 judgements of ids that queries.jsonl lacks, first 'gone-04a'",
        "left out: 2 judgements of ids that corpus.jsonl lacks, first 'clock-02c'",
    )
    ranks = rank(*by_claim(found), found)
    assert ndcg(ranks, found).mean() == 1
    half = 1 / (1 + 1 / np.log2(3))  # of two relevant passages the first is found
    assert ndcg_of_beir(ranks, found) == pytest.approx((1 + half + 0) / 3)


def test_ndcg_of_beir_is_ndcg_where_nothing_is_missing(tmp_path: Path) -> None:
    found = read_retrieval(written(tmp_path, [*JUDGED, "mill-03a\tclock-02b\t3"]))
    ranks = rank(*by_claim(found), found)
    assert ndcg_of_beir(ranks, found) == ndcg(ranks, found).mean() < 1


def test_passages_without_a_text(tmp_path: Path) -> None:
    """FiQA has 38: beir-cellar/beir#158. A title alone is a text."""
    empty = [{"_id": "7915", "title": "", "text": "", "metadata": {}}, {"_id": 12229, "text": "   "}]
    title = {"_id": "x", "title": "An abstract that was never written", "text": ""}
    found = read_retrieval(written(tmp_path, [*JUDGED, "mill-03a\tx\t1"], more=[*empty, title]))
    assert list(found.passages())[-1] == "An abstract that was never written"
    assert found.count == len(list(found.passages())) == len(CLAIMS) + 1
    assert "left out: 2 passages without a text" in found.notes
    assert found.passage_rows.max() == found.count - 1
    assert list(found.first(1, after=2).passages()) == [f"Claim {CLAIMS['mill-03b']}", title["title"]]


def test_grades_below_zero_and_judgements_there_twice(tmp_path: Path) -> None:
    """TREC-COVID has -1 for "pooled, not judged": usnistgov/trec_eval#29."""
    found = read_retrieval(written(tmp_path, [*JUDGED, "bridge-01a\tclock-02b\t-1", JUDGED[0]]))
    assert found.gains.tolist() == [1, 1, 1]
    assert found.notes[:2] == (
        "1 judgements are there twice, in the same way",
        "1 judgements below 0 count as not relevant",
    )


@pytest.mark.parametrize("between", [" ", "\t", "   "])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_judgements_in_trecs_columns(tmp_path: Path, between: str, end: str) -> None:
    file = tmp_path / "test.tsv"
    lines = [
        between.join(("q-1", "0", "p 1".replace(" ", "-"), "2")),
        between.join(("q-2", "Q0", "p-2", "-1")),
        "",
    ]
    file.write_bytes(end.join(lines).encode())
    found = read_judgements(file)
    assert found.gains == {("q-1", "p-1"): 2, ("q-2", "p-2"): 0}
    assert found.notes[0] == "test.tsv has TREC's four columns"
    file.write_text("q-1 0 p-1 2\nq-2 0 p-2\n")
    with pytest.raises(FixtureError, match=r"test.tsv:2: has 3 columns, TREC's judgements have 4"):
        read_judgements(file)
