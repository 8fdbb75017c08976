"""The other process answers more than once, and says why it came to an end."""

from typing import Any

import numpy as np
import pytest

from embedding_gate.adapter import new_process
from embedding_gate.errors import WorkerError
from embedding_gate.serving import unpack
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
    with new_process() as process:
        first, second = (unpack(process.ask(one)) for one in (ASKED, {**ASKED, "texts": ["a text"]}))
    np.testing.assert_allclose(second[0], first[0], atol=2e-6)
    assert first.shape == (2, 64)


def test_a_fault_is_injected_for_one_answer_only() -> None:
    with new_process() as process:
        first = unpack(process.ask(ASKED))
        broken = unpack(
            process.ask({**ASKED, "variant": ("tests.faults.catalogue", "mean on a last-token model", 0)})
        )
        again = unpack(process.ask(ASKED))
    assert np.abs(broken - first).max() > 0.01
    np.testing.assert_array_equal(again, first)


def test_says_why_it_ended() -> None:
    with (
        new_process() as process,
        pytest.raises(WorkerError, match=r"^the new process: its process stopped: .*no-such-model"),
    ):
        process.ask({**ASKED, "model": "no-such-model"})
