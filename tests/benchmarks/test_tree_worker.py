"""What a comparison asks of a tree's library, whichever names its options have."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmarks.against.tree_worker import Answers


def older(_: list[str], *, prompt: str | None = None) -> Any:
    return np.full((1, 2), len(prompt or ""), np.float32)


def newer(_: list[str], *, prompt_name: str | None = None, prompt: str | None = None) -> Any:
    assert prompt is None
    return older([], prompt=prompt_name)


@pytest.mark.parametrize("encode", [older, newer])
def test_a_prompt_is_named_by_the_trees_own_option(encode: Any) -> None:
    answers = Answers(SimpleNamespace(embedder=SimpleNamespace(encode=encode)), dict)
    asked = [answers.encode(["a"], prompt_name=name)["bits"] for name in ("query", None)]
    assert asked[0] == answers.encode(["a"], prompt_name="QUERY")["bits"] != asked[1]
