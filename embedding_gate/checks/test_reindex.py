"""Old and new vectors: those of a snapshot or of another model (``--snapshot``, ``--against-model``)."""

import pytest

from embedding_gate.reindex.reindex import Reindex
from embedding_gate.verdicts.gate import Gate

pytestmark = [pytest.mark.quality]


def test_reindex(reindex: Reindex, gate: Gate) -> None:
    """If it is required: old and new vectors are the same, or may stand in one index."""
    verdict = reindex.verdict
    if reindex.required is None:
        return gate.not_applicable(f"{verdict.line}; --require=same or --require=compatible judges it")
    return gate.require(reindex.too_far, evidence=f"{verdict.line}, beside {reindex.beside}")
