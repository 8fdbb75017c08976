"""mteb evaluates the library and a subject on the gate's own retrieval set, without a network.

Its figures are the gate's: both rank the same passages by the same cosines.
"""

from collections import defaultdict
from typing import Any

import mteb
import numpy as np
import pytest
from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models.models_protocols import EncoderProtocol

import embeddings
from embedding_gate.checks.test_retrieval import ndcg_of
from embedding_gate.data.rows import read_rows
from embedding_gate.metrics.ranking import rank, recall
from embedding_gate.mteb_adapter import MtebEncoder, open_encoder
from embedding_gate.own_files import FIXTURES, sets
from embedding_gate.subjects.embedded import embed
from embeddings.catalog import DEFAULT_MODEL

FOLDER = FIXTURES / "retrieval"
SAME = 1e-6
Scores = dict[str, dict[str, float]]


class FixtureRetrieval(AbsTaskRetrieval):
    """The gate's retrieval set as a task of mteb. It keeps the scores of each query, which mteb rounds."""

    data_loaded: bool = False
    metadata = TaskMetadata(
        name="EmbeddingGateFixture",
        description="The retrieval set of embedding-gate.",
        type="Retrieval",
        dataset={"path": "local/embedding-gate", "revision": "local"},
        category="t2t",
        eval_splits=["test"],
        eval_langs=["eng-Latn"],
        main_score="ndcg_at_10",
        modalities=["text"],
    )

    def load_data(self, **_: Any) -> None:
        """Read the files of the fixture; ask no hub."""
        judged: dict[str, dict[str, int]] = defaultdict(dict)
        for row in read_rows(FOLDER / "qrels" / "test.tsv", ("query-id", "corpus-id", "score")):
            judged[row.text("query-id")][row.text("corpus-id")] = int(row.number("score"))
        split = {"corpus": texts_of("corpus"), "queries": texts_of("queries"), "top_ranked": None}
        self.dataset = {"default": {"test": {**split, "relevant_docs": dict(judged)}}}
        self.data_loaded = True

    def task_specific_scores(self, scores: Scores, *_: Any, **__: Any) -> dict[str, float]:
        """Keep the scores of each query."""
        self.by_query = scores
        return {}


def texts_of(file: str) -> Dataset:
    rows = read_rows(FOLDER / f"{file}.jsonl", ("_id", "text"))
    return Dataset.from_list([{"id": str(row.values["_id"]), "text": row.text("text")} for row in rows])


def evaluated(encoder: MtebEncoder) -> dict[str, list[float]]:
    """Let mteb evaluate an encoder: measure -> its value for each query, in the order of the file."""
    task = FixtureRetrieval()
    mteb.evaluate(encoder, task, cache=None, show_progress_bar=False)
    asked = [task.by_query[name] for name in texts_of("queries")["id"]]
    return {name: [scores[name] for scores in asked] for name in ("ndcg_cut_10", "recall_10")}


@pytest.fixture(scope="module")
def measured() -> dict[str, Any]:
    """The gate's own figures of the library."""
    retrieval = sets().retrieval
    queries, passages = vectors = embed(embeddings.load(), retrieval)
    found = {"ndcg_cut_10": ndcg_of(vectors, retrieval)}
    found["recall_10"] = recall(rank(queries, passages, retrieval), retrieval)
    return {name: pytest.approx(values.tolist(), abs=SAME) for name, values in found.items()}


def test_the_adapter_is_an_encoder_to_mteb() -> None:
    assert isinstance(MtebEncoder(embeddings.load(), DEFAULT_MODEL), EncoderProtocol)


def test_mteb_measures_of_the_library_what_the_gate_measures(measured: dict[str, Any]) -> None:
    assert evaluated(open_encoder(DEFAULT_MODEL)) == measured


def test_mteb_measures_of_a_subject_what_the_gate_measures(measured: dict[str, Any]) -> None:
    """The subject is the library again, in a process of its own."""
    assert evaluated(open_encoder(DEFAULT_MODEL, subject="python:tests.mteb.library:model")) == measured


def test_mteb_sees_vectors_in_another_order(measured: dict[str, Any]) -> None:
    class Shifted(MtebEncoder):
        def encode(self, *inputs: Any, **options: Any) -> Any:
            return np.roll(super().encode(*inputs, **options), 1, axis=0)

    assert evaluated(Shifted(embeddings.load(), DEFAULT_MODEL)) != measured
