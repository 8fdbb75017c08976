"""The same text gives the same vector in a second call, in another thread and in a new process."""

from contextlib import redirect_stderr
from functools import partial
from io import StringIO

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.metrics.differences import differences
from embedding_gate.subjects.calls import Call, at_once, judge_calls
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality
# Calls. Which arrays live at once depends on the schedule of MLX's threads, so the peak of few calls may be a
# third of the usual one. What each call leaves behind must be more than that.
FEW, MANY = 48, 480
ANOTHER = {"float32": 1e-5}  # what another batch may change at most
HALF = 0.02  # the same in half precision


def sample(subject: Subject) -> list[str]:
    """Pick eight or so short texts of many kinds."""
    short = subject.texts.of_kind("word", "sentence", "script", "format")
    return short[:: max(1, len(short) // 8)]


def test_repeated(subject: Subject, gate: Gate) -> None:
    """A second call gives the same vectors."""

    def difference(call: Call) -> float:
        first, second = (subject.encoder.encode(list(call.texts)) for _ in range(2))
        return float(differences(list(first), list(second)).max())

    calls = [Call(tuple(sample(subject)))]
    judge_calls(subject, gate, calls, difference)


@pytest.mark.needs("threads")
def test_threads(subject: Subject, gate: Gate) -> None:
    """Eight threads that share the model get the same vectors as one thread alone."""
    effort = subject.effort

    def difference(call: Call) -> float:
        def worst_of(thread: int) -> float:
            random, worst = np.random.default_rng(thread), 0.0
            for _ in range(effort.thread_calls):
                texts = random.choice(call.texts, size=effort.thread_texts).tolist()
                found = subject.encode(texts, **call.options)
                worst = np.maximum(worst, differences(list(found), subject.vectors_of(texts)).max())
            return float(worst)

        return at_once(call.threads, worst_of)

    some = subject.texts.of_kind("word", "sentence", "script", "format")
    calls = [Call(tuple(some), {"batch_tokens": 64}, threads=8)]
    judge_calls(subject, gate, calls, difference)


@pytest.mark.needs("same process")
def test_no_side_effects(subject: Subject, gate: Gate) -> None:
    """A call changes neither its input nor earlier results, and a progress bar changes no vector.

    A later call does not see what the caller does to the vectors of an earlier one.
    """
    texts = sample(subject)
    given, first = list(texts), subject.encoder.encode(texts)
    kept = first.copy()
    with redirect_stderr(StringIO()):
        second = subject.encode(texts[::-1], show_progress_bar=True)[::-1]
    overwritten = not np.array_equal(first, kept)
    if first.flags.writeable:
        first[:] = 0
    third = subject.encoder.encode(texts)
    broken = {
        "the texts were changed": texts != given,
        "an earlier result was overwritten": overwritten,
        "a progress bar changes the result": _differ(subject, second, kept),
        "a result that the caller changed is given out again": _differ(subject, third, kept),
        "not float32": first.dtype != np.float32,
    }
    failed = [name for name, is_broken in broken.items() if is_broken]
    gate.require(len(failed), evidence=", ".join(failed))


def _differ(subject: Subject, vectors: NDArray[np.float32], kept: NDArray[np.float32]) -> bool:
    """Tell whether vectors differ by more than another batch may change. NaN differs."""
    return not differences(list(vectors), list(kept)).max() < ANOTHER.get(subject.precision, HALF)


@pytest.mark.needs("memory")
def test_memory_of_many_calls(subject: Subject, gate: Gate) -> None:
    """Many calls for one text need no more device memory at their peak than a few such calls."""
    text, encoder = subject.probe.texts[:1], subject.probe.encoder

    def calls(times: int) -> None:
        for _ in range(times):
            encoder.encode(text)

    calls(1)  # what the first call alone needs would hide what the others keep
    few, many = (subject.peak_memory(partial(calls, times)) for times in (FEW, MANY))
    gate.require(many / max(few, 1), evidence=f"{few:,} and {many:,} bytes in {FEW} and {MANY} calls")


@pytest.mark.needs("new process")
def test_new_process(subject: Subject, gate: Gate) -> None:
    """A new Python process gives the same vectors."""
    texts = sample(subject)
    here, elsewhere = subject.encoder.encode(texts), subject.encode_elsewhere(texts)
    gate.require(differences(list(elsewhere), list(here)).max(), evidence=str(Call(tuple(texts))))
