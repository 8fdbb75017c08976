"""A model beside its origin: the model that it was fine-tuned or quantized from (``--origin``)."""

import pytest

from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.origin import NOT_WORSE, Origin
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality, pytest.mark.semantic]


def test_not_worse(origin: Origin, subject: Subject, gate: Gate) -> None:
    """If it is required: no metric is surely lower than the origin's on the same texts."""
    worst = None if origin.same else origin.compare(subject).worst
    if NOT_WORSE not in gate.required:
        return gate.not_applicable(f"what moved is information; --require='{NOT_WORSE}' judges it")
    if worst is None:
        return gate.require(0)
    return gate.require(worst.surely_worse, evidence=f"in {worst.metric}, beside {origin.model.name}")
