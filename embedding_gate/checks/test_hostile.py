"""Unusual input is either encoded correctly or refused with an error that says where and why."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.errors import SubjectLost
from embedding_gate.metrics.differences import differences, norm_error
from embedding_gate.subjects.live import Subject
from embedding_gate.verdicts.gate import Gate

pytestmark = pytest.mark.quality


def works(subject: Subject, texts: list[str]) -> bool:
    """Tell whether each text gets one finite vector of length 1."""
    vectors = subject.encoder.encode(texts)
    return vectors.shape == (len(texts), subject.encoder.dimension) and bool(
        (norm_error(vectors) < 1e-4).all()
    )


def refused(subject: Subject, texts: Any, where: str = "") -> bool:
    """Tell whether the call is refused, with an error that names the place."""
    try:
        subject.encoder.encode(texts)
    except subject.refusal as error:
        return str(error).startswith(where)
    return False


def works_or_refused(subject: Subject, texts: list[str]) -> bool:
    """Tell whether a subject that has no errors of its own gives right vectors, or refuses, and goes on."""
    return (refused(subject, texts) or works(subject, texts)) and works(subject, ["fine"])


def test_hostile_texts(subject: Subject, gate: Gate) -> None:
    """Empty and blank texts, NUL, surrogates, a megabyte, and values that are not text.

    A subject without errors of its own may refuse any of them, in whatever way. Its types are its own affair.
    """
    own_errors = "errors" in subject.offers
    good = works if own_errors else works_or_refused
    cases: dict[str, Callable[[], bool]] = {
        "no texts": lambda: good(subject, []),
        "every hostile text of the fixture": lambda: good(subject, subject.texts.of_kind("hostile")),
        "an empty text among others": lambda: good(subject, ["one", "", "two", "   ", "\x00"]),
        "a megabyte": lambda: good(subject, ["word " * (subject.effort.megabyte // 5)]),
        "one endless word": lambda: good(subject, ["x" * 100_000, "short"]),
    }
    refusals: dict[str, Callable[[], bool]] = {
        "a lone surrogate": lambda: refused(subject, ["fine", "bad \ud800 text"], "texts[1]:"),
        "half an emoji": lambda: refused(subject, ["\udc00"], "texts[0]:"),
        "a string for a list": lambda: refused(subject, "text", "texts:"),
        "a number among texts": lambda: refused(subject, ["fine", 7], "texts[1]:"),
        "None among texts": lambda: refused(subject, [None], "texts[0]:"),
    }
    surrogates: dict[str, Callable[[], bool]] = {
        "a lone surrogate": lambda: works_or_refused(subject, ["fine", "bad \ud800 text"]),
        "half an emoji": lambda: works_or_refused(subject, ["\udc00"]),
    }
    cases |= refusals if own_errors else surrogates
    failed = [name for name, case in cases.items() if not _holds(case)]
    gate.require(len(failed), evidence=", ".join(failed) or f"all {len(cases)} cases")


@pytest.mark.needs("errors")
def test_after_refusals(subject: Subject, gate: Gate) -> None:
    """What is refused once is refused again, and the calls after it get right vectors."""
    texts = subject.texts.of_kind("word")[:3]
    bad: dict[str, Any] = {
        "a lone surrogate": [*texts[:2], "bad \ud800 text"],
        "half an emoji": ["\udc00"],
        "a string for a list": texts[0],
        "a number among texts": [*texts[:2], 7],
        "None among texts": [texts[0], None, texts[1]],
    }
    expected = subject.alone(texts)
    broken = [
        name
        for name, call in bad.items()
        for _ in range(2)
        if not (refused(subject, call, "texts") and _agrees(subject, texts, expected))
    ]
    gate.require(len(broken), evidence=", ".join(dict.fromkeys(broken)) or f"all {len(bad)} refusals")


def _agrees(subject: Subject, texts: list[str], expected: list[NDArray[np.float32]]) -> bool:
    found = subject.encoder.encode(texts)
    return bool(differences(list(found), expected).max() < 1e-2)


def _holds(case: Callable[[], bool]) -> bool:
    try:
        return bool(np.all(case()))
    except SubjectLost:
        raise
    except Exception:  # noqa: BLE001  (a crash is what the check looks for)
        return False
