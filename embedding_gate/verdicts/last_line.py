"""The last line of a run: the verdict in one sentence, and what to do next."""

from collections.abc import Sequence

from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.table import badness
from embedding_gate.verdicts.thresholds import NOT_CALIBRATED, NOT_OFFERED

__all__ = ["AGAIN", "WHOLE", "last_line"]

AGAIN = "run it again"
WHOLE = "for a verdict, run all checks: leave out -k, -x and paths of tests"
CALIBRATE = "docs/models.md says how to make goldens and thresholds for them"


def last_line(
    gates: Sequence[Gate], failures: Sequence[str] = (), *, finished: bool = True, partial: bool = False
) -> str:
    """Say what a run has found.

    gates: one for each model. failures: whatever else makes the run red.
    finished: whether the run came to its end. partial: whether checks were left out.
    """
    red = [gate for gate in gates if gate.red]
    if not finished:
        return f"NO VERDICT: the run was broken off; {AGAIN}"
    if red:
        return f"FAIL: {_red(red)}"
    if failures:
        more = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        return f"FAIL: {failures[0]}{more}"
    if not gates:
        return f"NO VERDICT: no check was selected; {WHOLE}"
    return _green(gates, partial=partial)


def _red(red: Sequence[Gate]) -> str:
    first = min(red[0].red, key=badness).check
    judged = sum(verdict.judged for verdict in red[0].verdicts)
    found = f"{len(red[0].red)} of {judged} checks of {red[0].model} are red"
    others = f", and so are other models: {', '.join(gate.model for gate in red[1:])}" if red[1:] else ""
    return f"{found}{others}; begin with the first row of its table, {first!r} (docs/checks.md)"


def _green(gates: Sequence[Gate], *, partial: bool) -> str:
    models = ", ".join(gate.model for gate in gates)
    verdicts = [verdict for gate in gates for verdict in gate.verdicts]
    passed = sum(verdict.outcome == "pass" for verdict in verdicts)
    open_ones = sum(verdict.outcome == NOT_CALIBRATED for verdict in verdicts)
    if partial:
        return f"PASS of a part: {passed} checks of {models} passed, others were not made; {WHOLE}"
    if open_ones:
        return f"PASS: {passed} checks of {models} passed, {open_ones} could not be judged; {CALIBRATE}"
    if lacking := sum(verdict.outcome == NOT_OFFERED for verdict in verdicts):
        return f"PASS: {passed} checks of {models} passed; not offered: {lacking} (see above)"
    return f"PASS: {passed} checks of {models} passed; nothing is left to do"
