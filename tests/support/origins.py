"""Models beside their origin, on a slice of the texts."""

from dataclasses import replace
from pathlib import Path

from embedding_gate import session
from embedding_gate.adapter import open_subject
from embedding_gate.checks.test_origin import test_not_worse as not_worse
from embedding_gate.origin import open_origin
from embedding_gate.own_files import OWN, Options
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.origin import Origin
from embedding_gate.verdicts.gate import CheckFailed, Gate
from tests.faults.slices import golden_of, slice_of
from tests.support.tuned import MODEL

__all__ = ["BESIDE", "judged", "on_slice", "opened"]

BESIDE = replace(OWN, origin=MODEL)


def opened(folder: Path, options: Options = BESIDE) -> tuple[Subject, Origin]:
    """Open a model and its origin on a slice of the texts."""
    subject = slice_of(open_subject(str(folder), options))
    origin = open_origin(subject, options)
    assert origin is not None
    return subject, on_slice(origin)


def on_slice(origin: Origin) -> Origin:
    """Give the goldens of the slice to the origin, and their texts."""
    golden = golden_of(MODEL)
    return replace(
        origin, model=replace(origin.model, golden=golden), texts=slice_of(open_subject(MODEL)).texts
    )


def judged(subject: Subject, origin: Origin, *required: str) -> Gate:
    """Make the check. What it raises is in the gate."""
    subject.origin = origin
    gate = session.open_gate(subject, replace(BESIDE, require=frozenset(required)))
    try:
        with gate.claim("test_not_worse"):
            not_worse(origin, subject, gate)
    except CheckFailed:
        pass
    return gate
