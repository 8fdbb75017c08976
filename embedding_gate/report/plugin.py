"""The pytest adapter of the report: gathers what each part of a run found, and writes it (--report DIR)."""

import os
import platform
import shlex
from collections.abc import Generator, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from embedding_gate import __version__
from embedding_gate.data.projector import check_writable
from embedding_gate.errors import GateError
from embedding_gate.git import state_of
from embedding_gate.machine import chip, on_cpu
from embedding_gate.report import collect
from embedding_gate.report.history import append, check_appendable, line_of, read_history
from embedding_gate.report.pictures import plotly
from embedding_gate.report.record import make_record
from embedding_gate.report.schema.record import Record, Run
from embedding_gate.report.write import write_report
from embedding_gate.xdist import is_other

FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
WRITTEN = pytest.StashKey[list[str]]()
FAILED = pytest.StashKey[list[str]]()
EARLIER = pytest.StashKey[list[Run]]()  # runs of --history


class Hooks:
    """What a part of a run implements to stand in the report."""

    def pytest_gate_record(self, config: pytest.Config) -> Mapping[str, Any]:  # type: ignore[empty-body]
        """Return keys of the record (the fields of schema.record.Record) -> what this part adds to them."""


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("embedding-gate")
    group.addoption(
        "--report", type=Path, metavar="DIR", help="write the run as a page, as Markdown and as JSON into DIR"
    )
    group.addoption(
        "--history", type=Path, metavar="FILE", help="add the run to FILE as one line of JSON, for the report"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[FAILED], config.stash[WRITTEN], config.stash[EARLIER] = [], [], []
    if is_other(config):
        return
    config.pluginmanager.register(_Failures(config.stash[FAILED]))
    option = "--report"
    try:
        if folder := config.getoption("report"):
            check_writable(folder)
            plotly()  # that it is missing must not wait until all is measured
        option = "--history"
        if file := config.getoption("history"):
            config.stash[EARLIER] = read_history(file)
            check_appendable(file)
    except GateError as error:
        raise pytest.UsageError(f"{option}: {error}") from error


class _Failures:
    """Notes the tests that fail and have no verdict of a gate's to say so, in whatever process they ran."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        verdict = any(name.startswith("measured") for name, _ in report.user_properties)
        if report.failed and not verdict:
            died = report.when not in ("setup", "call", "teardown")  # xdist makes a report then
            why = "its process died" if died else f"failed in {report.when}"
            self.lines.append(f"{report.nodeid}: {why}")


@pytest.hookimpl(wrapper=True, trylast=True)  # after all have said how the run ended, before it is shown
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, None, None]:
    yield
    config = session.config
    folder, file = config.getoption("report"), config.getoption("history")
    if is_other(config) or not (folder or file):
        return
    lines = config.stash[WRITTEN]
    if session.exitstatus not in FINISHED:
        lines.append("no report: the run was broken off; what was there before is still there")
        return
    try:
        record = record_of(session)
        if file:
            append(file, record)
            record = replace(record, history=[*config.stash[EARLIER], line_of(record)])
            lines.append(f"history: run {len(record.history)} in {file}")
        if folder:
            files = write_report(folder, record)
            lines.append(f"report: {', '.join(path.name for path in files)} in {folder}")
    except GateError as error:
        lines.append(f"FAIL: the run was not recorded: {error}")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def record_of(session: pytest.Session) -> Record:
    """Gather the record of a run that has ended."""
    config = session.config
    parts = [*config.hook.pytest_gate_record(config=config), {"reasons": config.stash[FAILED]}]
    parts.append({"published": collect.published_elsewhere(), "peers": collect.peers()})
    command = shlex.join(["pytest", *config.invocation_params.args])
    return make_record(made(command), parts, passed=session.exitstatus == pytest.ExitCode.OK)


def made(command: str) -> dict[str, Any]:
    """Say when, by what and on what a run was made, by that command."""
    return {
        "when": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "version": __version__,
        **state_of(Path.cwd(), untracked=False),
        "python": platform.python_version(),
        "mlx": metadata.version("mlx"),
        "device": "cpu" if on_cpu() else "gpu",
        "machine": chip(),
        "cores": os.cpu_count(),
        "command": command,
    }


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in terminalreporter.config.stash[WRITTEN]:
        terminalreporter.line(line)
