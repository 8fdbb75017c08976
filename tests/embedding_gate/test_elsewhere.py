"""The other process answers more than once, and says why it came to an end."""

from typing import Any

import numpy as np
import pytest

from embedding_gate.worker import Elsewhere
from tests.faults.registry import TINY_DECODER

ASKED: dict[str, Any] = {
    "model": TINY_DECODER,
    "variant": None,
    "recipe": "declared",
    "max_tokens": 64,
    "device": "cpu",
    "precision": None,
    "texts": ["a text", "another"],
}


@pytest.mark.parametrize("unbuffered", ["", "1"])  # a buffered pipe has no position, and NumPy asks for it
def test_answers_again_and_again(unbuffered: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Elsewhere() as process:
        first, second = process.encode(ASKED), process.encode({**ASKED, "texts": ["a text"]})
    np.testing.assert_allclose(second[0], first[0], atol=2e-6)
    assert first.shape == (2, 64)


def test_a_fault_is_injected_for_one_answer_only() -> None:
    with Elsewhere() as process:
        first = process.encode(ASKED)
        broken = process.encode(
            {**ASKED, "variant": ("tests.faults.catalogue", "mean on a last-token model", 0)}
        )
        again = process.encode(ASKED)
    assert np.abs(broken - first).max() > 0.01
    np.testing.assert_array_equal(again, first)


def test_says_why_it_ended() -> None:
    with (
        Elsewhere() as process,
        pytest.raises(RuntimeError, match=r"the new process failed: .*no-such-model"),
    ):
        process.encode({**ASKED, "model": "no-such-model"})
