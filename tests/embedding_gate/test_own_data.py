"""A user's recorded vectors and texts: what they are judged by, and what they cost."""

import json
import re
import sys
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import embeddings
from embedding_gate import adapter, own_files, session
from embedding_gate.checks import test_published, test_topics
from embedding_gate.claims.published import compare, measure, read_published
from embedding_gate.data.labelled import Part, Topics
from embedding_gate.data.retrieval import read_retrieval
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.ranking import ndcg, rank
from embedding_gate.subjects.embedded import Embedded, embed
from embedding_gate.verdicts.gate import CheckFailed
from embeddings.tokens import TokenizedTexts
from tests.faults.catalogue import injected
from tests.support import tiny
from tests.support.recorded import TOPICS, record, right


@pytest.mark.parametrize(
    ("baseline", "outcome", "words"),
    [(None, "not applicable", "--baseline none"), ("all-MiniLM-L6-v2", "pass", "beside all-MiniLM-L6-v2")],
)
def test_texts_without_goldens(tmp_path: Path, baseline: str | None, outcome: str, words: str) -> None:
    """The baseline encodes them; without one the table says so."""
    folder = record(tmp_path, right(), upper=True)
    recorded = session.open_recorded(folder, "mystery", own_files.Options(baseline=baseline))
    gate = session.open_recorded_gate(recorded)
    with gate.claim("test_topics_beside_baseline"):
        test_topics.test_topics_beside_baseline(recorded.topics, gate)
    assert gate.verdicts[0].outcome == outcome
    assert words in gate.verdicts[0].evidence


def test_a_text_that_a_tokenizer_takes_for_another() -> None:
    """It may have the same vector: emoji that the vocabulary lacks, and what lies beyond the limit."""
    texts = ("my pet is a 🐶", "my pet is a 🐱", "word " * 300 + "one", "word " * 300 + "two", "tea", "milk")
    topics = Topics(tuple("abcdef"), tuple("xxyyzz"), texts, "")
    model = embeddings.load()
    gate = session.open_gate(adapter.open_subject("all-MiniLM-L6-v2"))
    embedded = Embedded(topics, lambda: [model.encode(texts)], None, tokenize=model.tokenize)
    with gate.claim("test_distinctness"):
        test_topics.test_distinctness(embedded, gate)
    embedded.vectors[0][5] = embedded.vectors[0][4]
    with pytest.raises(CheckFailed, match="texts: e, f"), gate.claim("test_distinctness"):
        test_topics.test_distinctness(embedded, gate)


def test_a_baseline_is_the_model_only_where_it_is_the_same_folder(tmp_path: Path) -> None:
    """Old against new is what a pull request asks, and both are often called alike."""
    old, new = (tiny.build(tmp_path / side / "model", max_tokens=140) for side in ("old", "new"))
    for source, compared in ((str(old), True), (str(new), False)):
        subject = adapter.open_subject(str(new), own_files.Options(baseline=source))
        assert (subject.topics.baseline is not None) is compared
        assert subject.notes[0] == f"  baseline: {source}, has no goldens: taken on trust"


def test_a_baseline_that_is_chance_measures_nothing(tmp_path: Path) -> None:
    own = record(tmp_path, right(), upper=True)
    recorded = session.open_recorded(own, "mystery")
    recorded.topics.baseline_vectors = [np.random.default_rng(0).normal(size=(104, 8)).astype(np.float32)]
    gate = session.open_recorded_gate(recorded)
    with pytest.raises(CheckFailed, match="no better than chance"), gate.claim("test_topics_beside_baseline"):
        test_topics.test_topics_beside_baseline(recorded.topics, gate)


def test_a_published_figure_that_is_not_reproduced_is_red(tmp_path: Path) -> None:
    """On the published texts every figure binds; here these texts are said to be the published ones."""
    recorded = session.open_recorded(record(tmp_path, right(), "medium"), "medium")
    published = replace(read_published(own_files.FIXTURES / "published.toml"), texts=TOPICS.sha256_of_texts)
    found = compare(published, "medium", measure(right(), TOPICS), TOPICS.sha256_of_texts)
    gate = session.open_recorded_gate(recorded)
    with pytest.raises(CheckFailed, match="not reproduced: dimension"), gate.claim("test_published_figures"):
        test_published.test_published_figures(found, gate)


def test_a_broken_library_is_no_baseline() -> None:
    """Were its vectors taken, whatever is as broken would not be worse."""
    baseline = adapter.open_baseline("all-MiniLM-L6-v2")
    assert baseline is not None
    with injected("first-token pooling"), pytest.raises(FixtureError, match="differs from its goldens by"):
        _ = baseline.encoder


class Hashing:
    """An encoder that costs nothing: a vector seeded by the length of the text."""

    dimension, max_tokens, prompts = 64, 8, ("query", "document")

    def __init__(self) -> None:
        self.asked: list[tuple[int, str | None]] = []

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[np.float32]:
        """(N, 64)."""
        self.asked.append((len(texts), prompt_name))
        return np.array(
            [np.random.default_rng(len(text)).normal(size=64) for text in texts], dtype=np.float32
        )

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:  # noqa: ARG002
        """One token each, and those beyond a thousand characters cut off."""
        lengths = np.array([len(text) // 1000 for text in texts])
        return TokenizedTexts([np.zeros(1, np.int32)] * len(texts), lengths)


def large_set(folder: Path, passages: int) -> Path:
    (folder / "qrels").mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w") as corpus:
        for number in range(passages):
            corpus.write(
                json.dumps({"_id": str(number), "text": f"{number} " + "word " * (200 + number % 7)}) + "\n"
            )
    (folder / "queries.jsonl").write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\t1\t1\nb\t2\t1\n")
    return folder


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Twice the passages cost their vectors, ids and scores: nothing near the kilobyte that each text has."""
    peaks = {}
    for passages in (3000, 6000):
        folder = large_set(tmp_path / str(passages), passages)
        tracemalloc.start()
        found = read_retrieval(folder)
        queries, vectors = embed(Hashing(), found)  # type: ignore[arg-type]
        ndcg(rank(queries, vectors, found), found)
        peaks[passages] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (peaks[6000] - peaks[3000]) / 3000 < 64 * 4 + 250  # measured 395: vector 256, scores, id


def test_roles_and_notes() -> None:
    """Queries and documents get the model's prompts for them; texts that were cut are told of."""
    notes: list[str] = []
    encoder = Hashing()

    class Labelled:
        sha256 = ""
        parts = (
            Part("queries", ["q"], 1, "query"),
            Part("passages", ["p", "p" * 1000], 2, "document"),
            Part("topics", ["t"], 1),
        )

    embed(encoder, Labelled(), notes.append)  # type: ignore[arg-type]
    assert encoder.asked == [(1, "query"), (2, "document"), (1, None)]
    assert notes == ["  passages: 1 of 2 texts were cut at 8 tokens"]


def test_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes longer than two seconds shows how far it is, on a terminal; a log gets nothing."""
    clock: Iterator[float] = iter(np.arange(0.0, 1e6, 15.0))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    large = read_retrieval(large_set(tmp_path, 2000))
    embed(Hashing(), large)  # type: ignore[arg-type]
    assert not capsys.readouterr().err
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    embed(Hashing(), large)  # type: ignore[arg-type]
    assert re.search(r"passages: +\d+%.*/2000", capsys.readouterr().err)
