"""Several processes that share the work give the vectors of one process (``--ranks``)."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality

Ranks = Callable[[Sequence[str]], NDArray[np.floating]]


def test_ranks(ranks: Ranks, subject: Subject, gate: Gate) -> None:
    """Texts that processes share have the vectors of one process, in the order of the input."""
    texts = subject.texts.of_kind("word", "sentence", "script", "format")
    gate.require(differences(list(ranks(texts)), subject.vectors_of(texts)).max())
