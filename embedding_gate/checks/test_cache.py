"""A cache never changes a vector, whatever it holds."""

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
PLAIN = "as it is"
CALLS, LONG = 32, 160  # of the random order: calls, and characters of a text, enough for the lower limit


def lower_limit(limit: int) -> int:
    """Return the limit without its last digit (25 for 256), but at least 8."""
    return min(limit, max(8, limit // 10))


def sample(subject: Subject) -> list[str]:
    """Pick texts. One is longer than the lower limit.

    One is "6apples": a cache key that joins limit and text without a separator confuses "25" + "6apples" with
    "256" + "apples". "apples" is one of the twins.
    """
    limit = subject.encoder.max_tokens
    short = subject.texts.of_kind("word", "script")
    long = subject.texts.of_kind("paragraph")[0].split()[: lower_limit(limit) + 5]
    return [*short[:: max(1, len(short) // 2)], " ".join(long), f"{limit % 10}apples"]


def calls_of(subject: Subject) -> dict[str, Call]:
    """Return calls with different options, which must not get each other's cached vectors."""
    encoder = subject.encoder
    fewer = max(encoder.min_dimensions, encoder.dimension // 2)
    calls: dict[str, Call] = {
        PLAIN: (encoder, {}),
        "not normalised": (encoder, {"normalize_embeddings": False}),
        f"{fewer} dimensions": (encoder, {"truncate_dim": fewer}),
        "a lower limit": (encoder.with_max_tokens(lower_limit(encoder.max_tokens)), {}),
        "other weights": (subject.changed, {}),
    }
    calls |= {f"prompt {name!r}": (encoder, {"prompt_name": name}) for name in sorted(encoder.prompts)}
    task: dict[str, Any] = {"prompt_name": "query", "instruction": "Find what is sold here"}
    try:
        encoder.encode(["a"], **task)
    except subject.refusal:
        return calls  # the model takes no instruction
    return calls | {"a task": (encoder, task)}


@pytest.mark.needs("cache")
def test_cached(subject: Subject, gate: Gate) -> None:
    """With a cache every vector is the same as without one, whatever the cache holds.

    The cache is asked for half of the texts, for all of them, for all in reverse order, and again after it
    was opened from its file. All calls share one cache. Each text is a batch of its own, so that other texts
    cannot change the last bits. A kernel that changes once it is warm still may. The nearly identical texts
    come with the first kind of call only: they test the part of the key that depends on the text.
    """
    few, calls = sample(subject), calls_of(subject)
    texts = {name: few if name != PLAIN else [*few, *twins(subject)] for name in calls}
    expected = {
        name: encoder.encode(texts[name], **options, batch_tokens=1)
        for name, (encoder, options) in calls.items()
    }
    if differences(list(expected["other weights"]), list(expected[PLAIN][: len(few)])).min() == 0:
        return gate.require(np.inf, evidence="another model gives the same vectors")
    worst, where = 0.0, "all alike"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cache"
        for states in (("half", "all", "warm"), ("from the file",)):
            with subject.open_cache(path) as cache:
                for state in states:
                    for name, call in calls.items():
                        rows = _rows(state, len(texts[name]))
                        difference = _difference(
                            call, [texts[name][row] for row in rows], cache, expected[name][rows]
                        )
                        if not difference <= worst:
                            worst, where = difference, f"{state}, {name}"
    return gate.require(worst, evidence=where)


@pytest.mark.needs("cache")
def test_cache_in_any_order(subject: Subject, gate: Gate) -> None:
    """Random calls share one cache, opened again halfway. Each call gets the vectors of its own options."""
    texts = [text[:LONG] for text in (*sample(subject), *twins(subject))]
    calls, random = calls_of(subject), np.random.default_rng(0)
    plan = [(str(random.choice(list(calls))), random.integers(len(texts), size=4)) for _ in range(CALLS)]
    expected: dict[tuple[str, int], NDArray[np.float32]] = {}
    worst, where = 0.0, "all alike"
    with TemporaryDirectory() as folder:
        for some in (plan[: CALLS // 2], plan[CALLS // 2 :]):
            with subject.open_cache(Path(folder) / "cache") as cache:
                for name, rows in some:
                    call = calls[name]
                    for row in set(rows.tolist()) - {row for known, row in expected if known == name}:
                        expected[name, row] = call[0].encode([texts[row]], **call[1])[0]
                    difference = _difference(
                        call,
                        [texts[row] for row in rows],
                        cache,
                        np.stack([expected[name, row] for row in rows.tolist()]),
                    )
                    if not difference <= worst:
                        worst, where = difference, f"{name}, {len(rows)} texts"
    return gate.require(worst, evidence=where)


def _rows(state: str, count: int) -> NDArray[np.int64]:
    """Return the numbers of a call's texts: half of them, or all with repeats; "warm" is backwards."""
    repeated = np.array([*range(count), 0, *range(count)])
    return {"half": repeated[:count:2], "warm": repeated[::-1]}.get(state, repeated)


def _difference(call: Call, texts: Sequence[str], cache: Any, expected: NDArray[np.float32]) -> float:
    encoder, options = call
    found = encoder.encode(texts, **options, batch_tokens=1, cache=cache)
    if len(found) != len(expected):
        return np.inf
    lengths = np.linalg.norm(expected.astype(np.float64), axis=1)  # not 1 without normalisation
    return float((differences(list(found), list(expected)) / lengths).max())
