"""The rule for each kind of published statement: (statement, evidence) -> the verdict with its reason."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from embedding_gate.claims.evidence import (
    LATENCY,
    THROUGHPUT,
    Evidence,
    Finding,
    compare,
    under_the_roof,
)
from embedding_gate.claims.figure_rules import unstated
from embedding_gate.claims.published import Statement
from embedding_gate.claims.scaling import cross_size
from embedding_gate.metrics.similarity import cohesion

__all__ = ["STATEMENTS"]


def speeds(statement: Statement, evidence: Evidence) -> Finding:
    """Judge whether one device can reach the rates of all models."""
    return under_the_roof(
        [(model, evidence.value(THROUGHPUT, model)) for model in _models(statement, evidence)], evidence
    )


def scales(statement: Statement, evidence: Evidence) -> Finding:
    """Compare rates by size with FLOPs by size, and judge whether one device can reach all rates."""
    rates = {model: evidence.value(THROUGHPUT, model) for model in _models(statement, evidence)}
    steps = cross_size(rates, evidence.configs, 0)
    shown = "; ".join(
        f"{step.measured:.2f} times slower with {step.predicted:.2f} times the FLOPs, "
        f"so at {step.mfu:.2f} times the MFU"
        for step in steps
    )
    return under_the_roof(rates.items(), evidence, f"; {shown}")


def _models(statement: Statement, evidence: Evidence) -> list[str]:
    return [evidence.model(name) for name in statement.models] or list(evidence.configs)


def correct_by_norm(statement: Statement, evidence: Evidence) -> Finding:  # noqa: ARG001
    """Judge whether norm 1 distinguishes a correct model from one that gives all texts the same vector."""
    lengths = np.linalg.norm(_constant(), axis=1)
    shown = f"the same vector for every text has norm {lengths.mean():.3f} +- {lengths.std():.3f} as well"
    return Finding("refuted" if np.allclose(lengths, 1) else "not reproduced here", shown)


def meaning_by_cohesion(statement: Statement, evidence: Evidence) -> Finding:  # noqa: ARG001
    """Judge whether cohesion distinguishes meaning from collapse (the same vector for all texts)."""
    collapsed = cohesion(_constant(), ["art", "art", "food", "food"])
    best = max(evidence.value("cohesion", model) for model in evidence.configs)
    shown = (
        f"the same vector for every text has cohesion {collapsed:.3f}, more than {best:.3f}: make collapse"
    )
    return Finding("refuted" if collapsed > best else "not reproduced here", shown)


def _constant() -> NDArray[np.float64]:
    return np.full((4, 64), 1 / 8)


def grows_with_size(statement: Statement, evidence: Evidence) -> Finding:  # noqa: ARG001
    """Judge whether cohesion grows from size to size."""
    values = [evidence.value("cohesion", model) for model in evidence.configs]
    shown = ", ".join(f"{value:.3f}" for value in values)
    return Finding("reproduced" if values == sorted(values) else "refuted", f"{shown} from small to large")


def most(quantity: str) -> Callable[[Statement, Evidence], Finding]:
    """Return a rule that judges whether the named model has the largest value of a quantity."""

    def rule(statement: Statement, evidence: Evidence) -> Finding:
        values = {model: evidence.value(quantity, model) for model in evidence.configs}
        best = max(values, key=values.__getitem__)
        shown = ", ".join(f"{value:g}" for value in values.values())
        right = [best] == _models(statement, evidence)
        return Finding("reproduced" if right else "refuted", f"{quantity} {shown}")

    return rule


def same_latency(statement: Statement, evidence: Evidence) -> Finding:
    """Compare the latency of one text with the time of one text in a batch."""
    (model,) = _models(statement, evidence)
    each, alone = evidence.figure("time per text in a batch, ms", model), evidence.value(LATENCY, model)
    return compare(each, alone, f"{alone:g} ms / {each.shown} ms = {alone / each.middle:.2f}")


def saved_by_size(statement: Statement, evidence: Evidence) -> Finding:  # noqa: ARG001
    """Judge whether the speedup grows because of a longer uncached time, not because of a faster hit."""
    took = [evidence.value(LATENCY, model) for model in evidence.configs]
    hits = [time / evidence.value("cache speedup", m) for time, m in zip(took, evidence.configs, strict=True)]
    shown = ", ".join(f"{hit:.3f}" for hit in hits)
    grown = f"uncached {took[-1] / took[0]:.2f} times slower, cached {hits[-1] / hits[0]:.2f} times"
    return Finding("possible" if hits[-1] >= hits[0] else "refuted", f"{grown}; a hit took {shown} ms")


def by_source(statement: Statement, evidence: Evidence) -> Finding:
    """Judge by a source that contradicts the statement.

    The file of the source must contain the quotation, or the source is an address to look up.
    """
    text = " ".join(evidence.documents.get(statement.source, "").split())
    found = statement.says in text if text else statement.source.startswith("https://")
    shown = f"{statement.source}: {statement.says}"
    return Finding("refuted by source" if found and statement.says else "not judged", shown)


def exported(statement: Statement, evidence: Evidence) -> Finding:  # noqa: ARG001
    """Judge whether the gate's own writer writes the three files of a model."""
    files = evidence.measured.get(("", "projector files"), 0)
    return Finding(
        "reproduced" if files == 3 else "not reproduced here", f"--projector writes {files:g} of 3"
    )


STATEMENTS: Mapping[str, Callable[[Statement, Evidence], Finding]] = {
    "speeds": speeds,
    "scales": scales,
    "correct by norm": correct_by_norm,
    "meaning by cohesion": meaning_by_cohesion,
    "grows with size": grows_with_size,
    "most cohesion": most("cohesion"),
    "most dimensions": most("dimension"),
    "same latency": same_latency,
    "saved by size": saved_by_size,
    "by source": by_source,
    "unstated": unstated,
    "exported": exported,
}
