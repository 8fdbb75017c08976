"""How a run of pytest ends: files are written, the exit code is decided, table and verdict are printed."""

from collections.abc import Generator
from typing import Any

import pytest

from embedding_gate.adapter import ERRORS
from embedding_gate.calibrate import calibrate
from embedding_gate.compare import compare
from embedding_gate.found import Found
from embedding_gate.register import endpoint_tests
from embedding_gate.reindex.side_by_side import table_of
from embedding_gate.report import collect
from embedding_gate.report.record import red_reasons
from embedding_gate.session import diagnosis, export
from embedding_gate.state import Run, run_of
from embedding_gate.subjects.coverage import coverage_table
from embedding_gate.subjects.live import Subject
from embedding_gate.text_table import wrapped
from embedding_gate.verdicts.gate import Gate, check_name
from embedding_gate.verdicts.last_line import last_line
from embedding_gate.verdicts.table import gate_table
from embedding_gate.xdist import first_of, give, is_other

FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config, run = session.config, run_of(session.config)
    if session.exitstatus in FINISHED:
        if folder := config.getoption("projector"):
            live = [judged for judged in run.judged.values() if isinstance(judged, Subject)]
            try:
                run.written += export(live, folder)
            except ERRORS as error:
                run.written.append(f"FAIL: --projector: {error}")
        if config.getoption("compare"):
            subjects = {name: of for name, of in run.judged.items() if isinstance(of, Subject)}
            run.compared = compare(subjects, run.options)
        if config.getoption("calibrate"):
            run.written += calibrated(run)
    if first := first_of(config):
        first.gather(session)
    else:
        run.found = {name: found_of(session, name) for name in run.gates}
    if is_other(config):
        give(config, run.found, partial=run.partial)
    red = run.red or run.failed_to_write or run.missing()
    if session.exitstatus == pytest.ExitCode.OK and red:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(specname="pytest_sessionfinish", wrapper=True, tryfirst=True)  # after pytest's own last line
def pytest_verdict(session: pytest.Session) -> Generator[None]:
    run, reporter = run_of(session.config), session.config.pluginmanager.getplugin("terminalreporter")
    run.partial |= bool(session.shouldfail or session.shouldstop)  # -x, --maxfail: other checks were not made
    yield
    none_selected = run.partial and session.exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED
    if reporter and (run.found or run.lost or none_selected):
        failures = [*run.failed_to_write, *run.missing()]
        if session.exitstatus == pytest.ExitCode.TESTS_FAILED and not (run.red or failures):
            failures = ["other tests than the gate's failed; see above"]
        finished = session.exitstatus in (*FINISHED, pytest.ExitCode.NO_TESTS_COLLECTED)
        line = last_line(
            [one.gate for one in run.found.values()], failures, finished=finished, partial=run.partial
        )
        reporter.line(f"embedding gate: {line}", bold=True)


def calibrated(run: Run) -> list[str]:
    """Write the thresholds of each model judged, and return what the reader must see of it."""
    lines = []
    for name, gate in run.gates.items():
        subject = run.judged[name]
        assert isinstance(subject, Subject)
        try:
            lines += calibrate(subject, gate)
        except ERRORS as error:
            lines.append(f"FAIL: {error}")
        else:
            done = f"--calibrate wrote thresholds of {subject.name}"
            lines.append(f"FAIL: {done}: read the diff, commit it, run again")
    return lines


def found_of(session: pytest.Session, name: str) -> Found:
    """Return what the end of the run needs of a model."""
    config, run = session.config, run_of(session.config)
    gate, judged, asked_for = run.gates[name], run.judged[name], run.asked_for(name)
    origin = judged.origin if isinstance(judged, Subject) else None
    beside = [*(origin.lines() if origin else []), *(judged.reindex.lines() if judged.reindex else [])]
    likely = [row for line in diagnosis(gate, origin.declared if origin else ()) for row in wrapped(line)]
    notes = [*red_of_contract(gate), *likely, *judged.notes, *beside]
    found = Found(gate, asked_for, judged.offers, notes)
    if config.getoption("call_shapes") and isinstance(judged, Subject):
        found.calls = coverage_table(judged.recorder.calls)
    if session.exitstatus in FINISHED and (config.getoption("report") or config.getoption("history")):
        part = run.checks_made(gate) if run.partial else None
        found.record = collect.model(gate, judged, asked_for, run.options, part=part)
        found.published = collect.published(judged)
    return found


def red_of_contract(gate: Gate) -> list[str]:
    """Say how many red checks are of the vectors and how many of a server's contract, if it was judged."""
    names = {check_name(name) for name in endpoint_tests()}
    contract = [one for one in gate.verdicts if one.check in names]
    if not contract or not gate.red:
        return []
    red = sum(one.red for one in contract)
    vectors = f"{len(gate.red) - red} of {len(gate.verdicts) - len(contract)}"
    return [f"  red checks: {vectors} of the vectors, {red} of {len(contract)} of the server's contract"]


def pytest_gate_record(config: pytest.Config) -> dict[str, list[Any]]:
    """Give the report what was judged."""
    run = run_of(config)
    found = run.found.values()
    return {
        "models": [one.record for one in found],
        "published": [figure for one in found for figure in one.published],
        "reasons": [
            *(line for one in found for line in red_reasons(one.gate, one.asked_for)),
            *run.failed_to_write,
            *run.missing(),
        ],
        "compared": [side.as_data() for side in run.compared],
    }


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    run = run_of(terminalreporter.config)
    broken_off = exitstatus == pytest.ExitCode.INTERRUPTED
    for one in run.found.values():
        made = run.checks_made(one.gate)
        part = f", BROKEN OFF after {made}" if broken_off else f", A PART: {made}" if run.partial else ""
        terminalreporter.section(f"embedding gate{part}")
        for line in gate_table(one.gate, one.asked_for, one.notes):
            terminalreporter.line(line)
        if one.calls:
            terminalreporter.section("calls of this run")
            for line in one.calls:
                terminalreporter.line(line)
    if run.compared:
        terminalreporter.section("side by side")
        for line in table_of(run.compared):
            terminalreporter.line(line)
    missing = [] if broken_off else run.missing()
    for line in (*run.written, *(f"FAIL: {one}" for one in missing)):
        terminalreporter.line(line)
