"""The gate's own checks, run on perturbed vectors.

A perturbation is a function of the text and its right vector. So it cannot affect the checks of batches,
order, threads, processes, caches, tokens, hidden states, weights and files. These checks are left out.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

import embeddings
from embedding_gate import adapter, own_files, register, session
from embedding_gate.metrics.similarity import unit
from embedding_gate.subjects.embedded import Baseline
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.subjects.recorded import Recorded
from embedding_gate.verdicts.gate import Gate
from embeddings.catalog import DEFAULT_MODEL
from embeddings.models import Bert
from tests.faults.blind.world import Change, World
from tests.reference.thresholds import in_bits

__all__ = ["COLUMNS", "HELD", "Perturbed", "red", "world"]

HELD = frozenset(
    "alone_or_mixed permuted batch_budget many_texts equal_lengths multiple_of_32 generated_mixtures "
    "repeated threads new_process no_side_effects cached bidirectional causal hidden_state_parity "
    "token_ids files weights truncation_count hostile_texts".split()
)
YOURS = "a model of your own"
QUICK = ("parity", "beside_baseline", "retrieval", "pairs")  # cheap, and red most often
Judged = tuple[Subject | Recorded, Gate]


class Perturbed:
    """An encoder whose vectors are changed by a perturbation. Everything else is the right encoder's."""

    def __init__(self, right: Encoder, change: Change, kept: dict[tuple[str | None, str], Any]) -> None:
        self.right, self.change, self.kept = right, change, kept

    def __getattr__(self, name: str) -> Any:
        return getattr(self.right, name)

    def encode(
        self,
        texts: Sequence[str],
        *,
        prompt_name: str | None = None,
        normalize_embeddings: bool = True,
        truncate_dim: int | None = None,
    ) -> NDArray[np.float32]:
        """Return changed vectors (N, D). The right vectors are computed once per process."""
        if truncate_dim is not None:
            self.right.encode(
                texts[:1], truncate_dim=truncate_dim
            )  # raises the same errors as the right encoder
        new = [text for text in dict.fromkeys(texts) if (prompt_name, text) not in self.kept]
        if new:
            right = self.right.encode(new, prompt_name=prompt_name, normalize_embeddings=False)
            for text, row in zip(new, right, strict=True):
                self.kept[prompt_name, text] = row.astype(np.float64)
        raw = np.array([self.kept[prompt_name, text] for text in texts])
        lengths = np.linalg.norm(raw, axis=1, keepdims=True)
        changed = unit(self.change(texts, raw / lengths))
        if truncate_dim is not None:
            changed = unit(changed[:, :truncate_dim])
        return np.asarray(changed if normalize_embeddings else changed * lengths, dtype=np.float32)


@cache
def _subject() -> Subject:
    return adapter.open_subject(DEFAULT_MODEL)


_kept: dict[tuple[str | None, str], Any] = {}


@cache
def world() -> World:
    """Encode the labelled sets with the embedded model."""
    subject = _subject()
    sets = (("topics", subject.topics), ("pairs", subject.pairs), ("", subject.retrieval))
    texts: dict[str, list[str]] = {}
    vectors: dict[str, NDArray[np.float64]] = {}
    for name, found in sets:
        for part, of in zip(found.labelled.parts, found.vectors, strict=True):
            where = name or part.name
            texts[where] = [*texts.get(where, ()), *part.texts]
            vectors[where] = np.concatenate([*([vectors[where]] if where in vectors else []), unit(of)])
    return World(texts, vectors, subject.retrieval.labelled)


def embedded(change: Change) -> Judged:
    """Return the embedded model with all its reference data."""
    subject = _with(change)
    return subject, session.open_gate(subject)


def yours(change: Change) -> Judged:
    """Return the same vectors as a model without goldens and thresholds; the embedded one is the baseline."""
    subject = _unknown(change)
    return subject, session.open_gate(subject)


def better(change: Change) -> Judged:
    """Return the same with a baseline that is worse than the model: the embedded model in 3 bits."""
    subject = replace(_unknown(change), baseline=_in_3_bits())
    return subject, session.open_gate(subject)


def recorded(change: Change) -> Judged:
    """Return recorded vectors of the topics only, without a model to call."""
    found = Recorded(YOURS, _unknown(change).topics)
    return found, session.open_recorded_gate(found)


def _with(change: Change) -> Subject:
    encoder = cast(Encoder, Perturbed(_subject().encoder, change, _kept))
    return replace(_subject(), encoder=encoder, notes=[], _alone={})


def _unknown(change: Change) -> Subject:
    return replace(_with(change), name=YOURS, source=YOURS, golden=None)


COLUMNS: dict[str, Callable[[Change], Judged]] = {
    "embedded": embedded,
    "yours": yours,
    "yours, better": better,
    "recorded": recorded,
}


@cache
def _in_3_bits() -> Baseline:
    encoder = embeddings.load(DEFAULT_MODEL)
    assert isinstance(encoder.model, Bert)
    weights = encoder.model.weights
    encoder.model.weights = {name: in_bits(weight, 3) for name, weight in weights.items()}
    sets = own_files.sets()
    baseline = Baseline("MiniLM in 3 bits", "3 bits", None, lambda: encoder)
    known = {one.sha256: baseline.embed(one) for one in (sets.topics, sets.pairs, sets.retrieval)}
    baseline.embed = lambda labelled: known[labelled.sha256]  # type: ignore[method-assign]
    return baseline


def red(column: str, change: Change, first: str = "", *, quick: bool = False) -> str:
    """Return the name of a test that is red, or "" if all pass.

    first: the test to begin with. quick: run only the tests that compare with the baseline and goldens.
    """
    judged, gate = COLUMNS[column](change)
    tests = register.recorded_tests() if isinstance(judged, Recorded) else register.live_tests()
    names = [name for name in tests if name.removeprefix("test_") not in HELD and "published" not in name]
    if quick:
        names = [name for name in names if name.endswith(QUICK)]
    for name in sorted(names, key=lambda name: (name != first, not name.endswith(QUICK))):
        subject = judged.topics if register.judges(tests[name]) == "topics" else judged
        try:
            with gate.claim(name):
                tests[name](subject, gate)
        except Exception:  # noqa: BLE001  (the gate has already recorded it as a verdict)
            return name
    return ""
