"""A cache changes no vector, whatever it has seen before."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.checks.test_batching import twins
from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.protocols import Encoder
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality

Call = tuple[Encoder, Mapping[str, Any]]


def lower_limit(limit: int) -> int:
    """Return the limit without its last digit: 25 of 256, or 8 where that leaves no room for a text."""
    return min(limit, max(8, limit // 10))


def sample(subject: Subject) -> list[str]:
    """Pick texts, one longer than the lower limit; and two that keys run into with a limit before them.

    "256" + "apples" is "25" + "6apples". Others differ by little, as keys that leave something out would not.
    """
    limit = subject.encoder.max_tokens
    short = subject.texts.of_kind("word", "script")
    long = subject.texts.of_kind("paragraph")[0].split()[: lower_limit(limit) + 5]
    return [*short[:: max(1, len(short) // 2)], " ".join(long), f"{limit % 10}apples", *twins(subject)]


def calls_of(subject: Subject) -> dict[str, Call]:
    """Return calls that must not get each other's vectors."""
    encoder = subject.encoder
    fewer = max(encoder.min_dimensions, encoder.dimension // 2)
    calls: dict[str, Call] = {
        "as it is": (encoder, {}),
        "not normalised": (encoder, {"normalize_embeddings": False}),
        f"{fewer} dimensions": (encoder, {"truncate_dim": fewer}),
        "a lower limit": (encoder.with_max_tokens(lower_limit(encoder.max_tokens)), {}),
        "other weights": (subject.open_changed(), {}),
    }
    calls |= {f"prompt {name!r}": (encoder, {"prompt_name": name}) for name in sorted(encoder.prompts)}
    task: dict[str, Any] = {"prompt_name": "query", "instruction": "Find what is sold here"}
    try:
        encoder.encode(["a"], **task)
    except subject.refusal:
        return calls  # it takes none
    return calls | {"a task": (encoder, task)}


def test_cached(subject: Subject, gate: Gate) -> None:
    """Half of the texts, then all, again in another order, and from the file: bit for bit as without a cache.

    All calls share one cache. Each text is a batch of its own, so that the texts beside it change no bit.
    """
    texts, calls = sample(subject), calls_of(subject)
    expected = {
        name: encoder.encode(texts, **options, batch_tokens=1) for name, (encoder, options) in calls.items()
    }
    if not differences(list(expected["other weights"]), list(expected["as it is"])).min() > 0:
        return gate.require(np.inf, evidence="another model gives the same vectors")
    repeated = np.array([*range(len(texts)), 0, *range(len(texts))])
    worst, where = 0.0, "all alike"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cache"
        half_and_all = {"half": repeated[: len(texts) : 2], "all": repeated, "warm": repeated[::-1]}
        for rounds in (half_and_all, {"from the file": repeated}):
            with subject.open_cache(path) as cache:
                for state, rows in rounds.items():
                    for name, call in calls.items():
                        stray = _stray(call, [texts[row] for row in rows], cache, expected[name][rows])
                        if not stray <= worst:
                            worst, where = stray, f"{state}, {name}"
    return gate.require(worst, evidence=where)


def _stray(call: Call, texts: Sequence[str], cache: Any, expected: NDArray[np.float32]) -> float:
    encoder, options = call
    found = encoder.encode(texts, **options, batch_tokens=1, cache=cache)
    return float(differences(list(found), list(expected)).max())
