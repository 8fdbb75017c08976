"""all-mpnet-base-v2 with its real weights: published figures, sentence-transformers, and wrong recipes."""

from pathlib import Path

import pytest

from embedding_gate.adapter import open_subject
from embedding_gate.metrics.differences import differences
from embedding_gate.session import open_gate, run_gate
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.thresholds import Verdict
from embeddings import pooling
from tests.faults.registry import Patch
from tests.faults.seams import change_texts, pool_with
from tests.trained.fetch import MPNET
from tests.trained.model import FOLDER, by_reference, some_texts

PARITY = 1.0e-06  # largest difference of a component: about four times the measured 2.4e-07


@pytest.fixture(scope="module")
def subject() -> Subject:
    return open_subject(str(FOLDER / MPNET))


def agreement(subject: Subject) -> Verdict:
    gate = open_gate(subject)
    run_gate(subject, gate, ["published agreement"])
    (verdict,) = gate.verdicts
    return verdict


def test_it_agrees_with_published_figures(subject: Subject) -> None:
    verdict = agreement(subject)
    assert verdict.outcome == "pass", verdict


def test_cls_pooling_does_not(subject: Subject, monkeypatch: Patch) -> None:
    pool_with(monkeypatch, pooling.first_token)
    assert agreement(subject).measured > 10


def test_a_prompt_that_it_was_not_trained_with_does_not(subject: Subject, monkeypatch: Patch) -> None:
    change_texts(monkeypatch, lambda text: f"query: {text}")
    assert agreement(subject).measured > 10


def test_parity_with_sentence_transformers(subject: Subject, tmp_path: Path) -> None:
    expected = by_reference(subject.folder, some_texts(), tmp_path)
    assert differences(list(subject.encoder.encode(some_texts())), list(expected)).max() <= PARITY
