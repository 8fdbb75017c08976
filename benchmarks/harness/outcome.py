"""The outcome of a whole run: failures, changes since stored runs, its audits as JSON, and its last line."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import baseline
from benchmarks.harness.bench import Bench
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.last_line import AGAIN
from embedding_gate.verdicts.table import badness

__all__ = ["audits_as_data", "changes", "failures", "last_line"]


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


def last_line(audited: Mapping[str, Gate], reasons: Sequence[str], exit_code: int) -> str:
    """Say in one sentence what a run has found. A red audit is told by its figure and what is required.

    reasons: whatever else makes the run red. exit_code: that of pytest.
    """
    if exit_code not in (0, 1):
        return f"NO VERDICT: the run was broken off; {AGAIN}"
    red = [gate for gate in audited.values() if gate.red]
    if red:
        first = min(red[0].red, key=badness)
        others = f"; red too: {', '.join(gate.model for gate in red[1:])}" if red[1:] else ""
        what = f"{first.check!r} measured {first.measured:.3g}, required {first.required}"
        return f"FAIL: the audit {what}, of {red[0].model}{others} (benchmarks/README.md says what it finds)"
    if reasons:
        more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
        return f"FAIL: {reasons[0]}{more}"
    if exit_code:
        return "FAIL: a benchmark failed; see above"
    return f"PASS: the measurements of {', '.join(audited)} keep the rules"
