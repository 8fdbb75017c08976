"""The checks of call shapes: the faults that they exist for, and what a red one says."""

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.adapter import open_subject
from embedding_gate.checks import test_call_shapes
from embedding_gate.outside import open_outside
from embedding_gate.own_files import OWN
from embedding_gate.register import gate_tests
from embedding_gate.session import open_gate
from embedding_gate.subjects.effort import Effort
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import CheckFailed
from embedding_gate.verdicts.thresholds import Verdict
from embeddings.backend import mx
from embeddings.models import Bert
from tests.faults.registry import Patch
from tests.faults.seams import Batch, change_batches, pool_with, replace_encode
from tests.support import tiny
from tests.support.endpoints import FAKE, FORMS
from tests.support.server import Service, serve

CHECKS = [name for name, test in gate_tests() if test.__module__ == test_call_shapes.__name__]
FEW = Effort(sizes=66, largest=66, calls=60, lengths=32)


@pytest.fixture
def subject(tmp_path: Path) -> Subject:
    """A tiny encoder, judged with little effort."""
    folder = tiny.build(tmp_path / "tiny", max_tokens=32)
    return replace(open_subject(str(folder), replace(OWN, baseline=None)), effort=FEW)


def verdict_of(subject: Subject, test: str) -> Verdict:
    """Make one check, and return its verdict."""
    gate = open_gate(subject)
    try:
        with gate.claim(test):
            dict(gate_tests())[test](subject, gate)
    except CheckFailed:
        pass
    return gate.verdicts[-1]


@pytest.mark.parametrize("test", CHECKS)
def test_the_library_passes(subject: Subject, test: str) -> None:
    assert verdict_of(subject, test).outcome == "pass"


def test_a_decoder_passes(monkeypatch: Patch) -> None:
    """With prompts, instructions and a smallest number of dimensions."""
    monkeypatch.setattr(test_call_shapes, "SIZES", (1, 17))
    folder = own_files.FIXTURES / "tiny-qwen3"
    subject = replace(open_subject(str(folder), replace(OWN, baseline=None)), effort=FEW)
    for test in ("test_call_sizes", "test_options_together"):
        assert verdict_of(subject, test).outcome == "pass"
    asked = [made.options for made in subject.recorder.calls if "instruction" in made.options]
    assert any("truncate_dim" in options and "cache" in options for options in asked)


def last_is_first_in_calls(patch: Patch) -> None:
    """The last vector is the first one's, in calls of exactly 64 texts."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if len(texts) == 64:
            vectors[-1] = vectors[0]
        return vectors

    replace_encode(patch, encode)


def last_is_first_in_batches(patch: Patch) -> None:
    """The last vector is the first one's, in batches of exactly 64 rows."""

    def change(batches: list[Batch]) -> Iterator[Batch]:
        for rows, vectors in batches:
            if len(rows) == 64:
                vectors[-1] = vectors[0]
            yield rows, vectors

    change_batches(patch, change)


def deep_rows(patch: Patch) -> None:
    """A kernel leaves 17 rows out, in a model of more than one layer."""
    right = Bert.__call__

    def call(self: Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        hidden = right(self, ids, lengths)
        return hidden * 0 if len(ids) == 17 and self.config.num_hidden_layers > 1 else hidden

    patch.setattr(Bert, "__call__", call)


def zeroed_by_threads(patch: Patch) -> None:
    """One vector in 500 is zeroed when 16 or more threads are alive."""
    numbers = count(1)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        if threading.active_count() >= 16:
            vectors[[row for row in range(len(texts)) if next(numbers) % 500 == 0]] = 0
        return vectors

    replace_encode(patch, encode)


def not_rescaled(patch: Patch) -> None:
    """A truncated vector is not scaled to length 1, in calls of more than 16 texts."""

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        if len(texts) > 16 and (width := options.pop("truncate_dim", None)):
            return right(self, texts, **options)[:, :width]
        return right(self, texts, **options)

    replace_encode(patch, encode)


def mean_by_longest(patch: Patch) -> None:
    """The mean is divided by the longest text of the batch."""

    def mean(hidden: mx.array, lengths: mx.array) -> mx.array:
        real = mx.arange(hidden.shape[1])[None, :] < lengths[:, None]
        return mx.where(real[..., None], hidden, 0).sum(axis=1) / hidden.shape[1]

    pool_with(patch, mean)


def no_mask_at_13(patch: Patch) -> None:
    """Batches of exactly 13 padded tokens have no mask."""
    right = Bert.attention_mask

    def attention_mask(self: Bert, longest: int, lengths: mx.array) -> mx.array | None:
        return None if longest == 13 else right(self, longest, lengths)

    patch.setattr(Bert, "attention_mask", attention_mask)


def empty_each_50(patch: Patch) -> None:
    """Each 50th call returns a buffer that nothing was written to."""
    numbers = count(1)

    def encode(right: Any, self: Any, texts: Sequence[str], **options: Any) -> Any:
        vectors = right(self, texts, **options)
        return np.zeros_like(vectors) if next(numbers) % 50 == 0 else vectors

    replace_encode(patch, encode)


@pytest.mark.parametrize(
    ("inject", "test", "evidence"),
    [
        (last_is_first_in_calls, "test_call_sizes", "wrong in 1 of 66 calls: 64 texts, batch_tokens=1048576"),
        (last_is_first_in_calls, "test_call_sizes", "smallest: 64 texts"),
        (last_is_first_in_batches, "test_call_sizes", "wrong in 1 of 66 calls: 64 texts, batch_tokens"),
        (deep_rows, "test_batch_rows", "wrong in 1 of 11 calls: 17 texts"),
        (zeroed_by_threads, "test_many_threads", "wrong in 2 of 2 calls: 36 texts, from 32 threads"),
        (not_rescaled, "test_options_together", "smallest: 17 texts, truncate_dim=8"),
        (mean_by_longest, "test_options_together", "normalize_embeddings=False"),
        (no_mask_at_13, "test_padded_lengths", "wrong in 1 of 30 calls: 2 texts, batch_tokens=1048576"),
        (empty_each_50, "test_many_calls", "of 60 calls"),
    ],
)
def test_a_fault_is_seen(
    subject: Subject, monkeypatch: Patch, inject: Callable[[Patch], None], test: str, evidence: str
) -> None:
    inject(monkeypatch)
    verdict = verdict_of(subject, test)
    assert verdict.outcome == "FAIL"
    assert evidence in verdict.evidence


def test_an_overflow_is_no_equal_vector(subject: Subject, monkeypatch: Patch) -> None:
    """Where only the model with other weights overflows, the verdict says so."""
    right, own = Bert.__call__, subject.encoder.parameters()["embeddings.LayerNorm.weight"]

    def call(self: Bert, ids: mx.array, lengths: mx.array) -> mx.array:
        hidden = right(self, ids, lengths)
        scale = np.array(self.weights["embeddings.LayerNorm.weight"])
        return hidden * np.nan if np.array_equal(scale, 2 * own) else hidden

    monkeypatch.setattr(Bert, "__call__", call)
    evidence = verdict_of(subject, "test_cached").evidence
    assert evidence.startswith("NaN in ")
    assert "vectors of a call (" in evidence
    assert "of a changed model" in evidence


def judged_server(zeroed: bool) -> Verdict:
    """Judge a server with "many threads". zeroed: whether it zeroes one vector in 500 beside many clients."""
    numbers = count(1)

    def encode(texts: list[str]) -> np.ndarray[Any, np.dtype[np.float32]]:
        vectors = FAKE.encode(texts)
        if zeroed and threading.active_count() >= 32:  # of the clients, which are in this process, too
            vectors[[row for row in range(len(texts)) if next(numbers) % 500 == 0]] = 0
        return vectors

    with serve(Service(encode, FAKE.tokenize)) as running:
        options = replace(OWN, baseline=None, subject=FORMS[0].format(running.place), served_as="model")
        server = open_outside("all-MiniLM-L6-v2", options)
        try:
            return verdict_of(server, "test_many_threads")
        finally:
            server.close()


def test_a_server_is_asked_by_many_clients() -> None:
    assert judged_server(zeroed=False).outcome == "pass"
    verdict = judged_server(zeroed=True)
    assert verdict.outcome == "FAIL"
    assert "from 32 threads" in verdict.evidence
