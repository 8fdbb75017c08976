"""The kill matrix: what the gate said of each fault that was injected in this session."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from hypothesis import Phase, settings

from embeddings.evaluation.datasets import Golden, Texts
from embeddings.evaluation.gate import Gate
from embeddings.evaluation.subject import Subject
from tests import harness
from tests.faults.catalogue import Fault, injected
from tests.quality import test_batching

__all__ = ["Outcome", "judge", "matrix_table", "slice_of"]

_SHORT_SEARCH = settings(test_batching.SEARCH, max_examples=6, phases=[Phase.generate])
_OUTCOMES: list["Outcome"] = []


@dataclass(frozen=True)
class Outcome:
    """The checks that a fault turned red."""

    fault: Fault
    red: tuple[str, ...]
    gate: Gate


def judge(fault: Fault, model: str) -> Outcome:
    """Inject a fault, run the whole gate on the library as it then is, and take the fault out again."""
    with injected(fault.name) as patch:
        patch.setattr(test_batching, "SEARCH", _SHORT_SEARCH)
        subject = slice_of(harness.open_subject(model, variant=fault.name))
        gate = harness.open_gate(subject.encoder.name)
        harness.run_gate(subject, gate)
    outcome = Outcome(fault, tuple(verdict.check for verdict in gate.red), gate)
    _OUTCOMES.append(outcome)
    return outcome


def slice_of(subject: Subject) -> Subject:
    """The same subject on a fixed slice of the texts: the same verdicts in a fraction of the time."""
    golden = _golden(subject.encoder.name)
    return Subject(subject.encoder, _texts(), golden, subject.encode_elsewhere)


@cache
def _rows() -> list[int]:
    """The slice: all pairs, both sides of the limit, every seventh of the rest but the longest."""
    texts = harness.texts()
    always = ("length-64", "length-256", "length-257")
    return [
        row
        for row, (name, kind) in enumerate(zip(texts.ids, texts.kinds, strict=True))
        if kind == "prefix" or name in always or (row % 7 == 0 and kind not in ("length", "long"))
    ]


@cache
def _texts() -> Texts:
    texts, rows = harness.texts(), _rows()
    return Texts(
        ids=tuple(texts.ids[row] for row in rows),
        kinds=tuple(texts.kinds[row] for row in rows),
        texts=tuple(texts.texts[row] for row in rows),
        sha256=texts.sha256,
    )


@cache
def _golden(model: str) -> Golden | None:
    golden, rows = harness.golden(model), _rows()
    if golden is None:
        return None
    kept = [
        (rows.index(row), states)
        for row, states in zip(golden.hidden_rows, golden.hidden_states, strict=True)
        if row in rows
    ]
    return Golden(
        vectors=golden.vectors[rows],
        token_ids=[golden.token_ids[row] for row in rows],
        dropped=golden.dropped[rows],
        hidden_rows=np.array([row for row, _ in kept]),
        hidden_states=[states for _, states in kept],
        files=golden.files,
    )


def matrix_table() -> list[str]:
    """Return the lines of the matrix: faults down, checks across."""
    if not _OUTCOMES:
        return []
    checks = [name.removeprefix("test_").replace("_", " ") for name, _ in harness.gate_tests()]
    width = max(len(outcome.fault.name) for outcome in _OUTCOMES)
    lines = ["", "kill matrix: faults down, checks across (x red, . green)"]
    lines += [f"  {'':{width}}  {number:>2} {check}" for number, check in enumerate(checks, start=1)]
    lines.append(f"  {'':{width}}  " + " ".join(f"{number:>2}" for number in range(1, len(checks) + 1)))
    for outcome in _OUTCOMES:
        marks = " ".join(" x" if check in outcome.red else " ." for check in checks)
        verdict = (
            "killed" if outcome.red else ("passed, as it should" if not outcome.fault.killers else "SURVIVED")
        )
        if outcome.red and not outcome.fault.killers:
            verdict = "FALSE ALARM"
        lines.append(f"  {outcome.fault.name:{width}}  {marks}  {verdict}")
    return lines
