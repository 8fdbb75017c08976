"""The outcome of a whole run: failures, changes since stored runs, and its audits as JSON."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import baseline
from benchmarks.harness.bench import Bench
from embedding_gate.verdicts.gate import Gate

__all__ = ["audits_as_data", "changes", "failures"]


def audits_as_data(audited: Mapping[str, Gate]) -> dict[str, list[dict[str, Any]]]:
    """Return model -> each verdict of its audits, for the JSON of a run."""
    return {
        model: [
            {"audit": one.check, "measured": one.measured, "required": one.required, "outcome": one.outcome}
            for one in gate.verdicts
        ]
        for model, gate in audited.items()
    }


def failures(benches: Mapping[str, Bench], audited: Mapping[str, Gate], timed: int) -> list[str]:
    """Return the reasons for a red run in addition to the verdicts. timed: benchmarks of pytest-benchmark."""
    found = [f"{model}: no audit ran" for model in benches if model not in audited]
    found += [
        f"{model}: audit did not run: {name}" for model, gate in audited.items() for name in gate.unread
    ]
    ours = sum(len(bench.findings.records) for bench in benches.values())
    return found + ([f"{timed} benchmarks were timed, {ours} of them by the rules"] if timed != ours else [])


def changes(stored: Sequence[tuple[Path, baseline.Document]], session: Any) -> tuple[list[str], list[str]]:
    """Return the changes since the stored runs, and the reasons for a failure.

    session: that of pytest-benchmark.
    """
    if not stored:
        return [], []
    run = {
        "machine_info": session.get_machine_info(),
        "benchmarks": [
            one.as_dict(include_data=False) for one in session.benchmarks if one and not one.has_error
        ],
    }
    found = [baseline.compare(document, run, str(path)) for path, document in stored]
    lines, reasons = ([line for part in parts for line in part] for parts in zip(*found, strict=True))
    return lines, reasons
