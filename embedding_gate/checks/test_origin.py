"""A model beside its origin: the model that it was fine-tuned or quantized from (``--origin``)."""

import pytest

from embedding_gate.checks.test_topics import TOO_FEW
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.origin import NOT_WORSE, Origin
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]


def test_not_worse(origin: Origin, subject: Subject, gate: Gate) -> None:
    """If it is required: no metric is surely lower than the origin's on the same texts."""
    drift = None if origin.same else origin.compare(subject)
    if NOT_WORSE not in gate.required:
        return gate.not_applicable(f"what moved is information; --require='{NOT_WORSE}' judges it")
    if drift is None:
        return gate.require(0)
    if drift.too_few:
        return gate.not_applicable(f"{TOO_FEW} ({', '.join(drift.too_few)})")
    worst = drift.worst
    return gate.require(worst.surely_worse, evidence=f"in {worst.metric}, beside {origin.model.name}")
