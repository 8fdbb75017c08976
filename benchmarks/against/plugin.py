"""The pytest plugin of the comparison, ``pytest --benchmark-only --against REV``."""

import time
from collections.abc import Generator
from typing import Any

import pytest

from benchmarks.against.comparison import Comparison, compare
from embedding_gate import adapter, own_files
from embedding_gate.adapter import ERRORS
from embedding_gate.git import commit_of
from embedding_gate.own_files import ROOT
from embeddings.catalog import DEFAULT_MODEL

COMPARED = pytest.StashKey[Comparison]()
STOPPED = pytest.StashKey[str]()  # the reason why there is nothing to compare


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("embedding-gate").addoption(
        "--against",
        metavar="REV",
        help="with --benchmark-only: compare speed and vectors of this tree with another revision's instead",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that a comparison does not read, and a revision that does not exist."""
    if (revision := config.getoption("against")) is None:
        return
    if not revision:
        raise pytest.UsageError("--against: names no revision, as in --against=main")
    if not config.getoption("benchmark_only"):
        raise pytest.UsageError("--against: it is for --benchmark-only; add it")
    unread = ("benchmark_compare", "benchmark_json", "benchmark_autosave", "benchmark_save", "keyword")
    if clash := [name for name in unread if config.getoption(name)]:
        option = "-k" if clash[0] == "keyword" else f"--{clash[0].replace('_', '-')}"
        raise pytest.UsageError(f"--against measures its own benchmarks: leave out {option}")
    if len(config.getoption("model")) > 1:
        raise pytest.UsageError("--against compares one model: leave out the other --model")
    try:
        commit_of(ROOT, revision)
    except ERRORS as error:
        raise pytest.UsageError(f"--against: {error}") from error


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Collect no tests, because a comparison has its own benchmarks."""
    return True if config.getoption("against") else None


def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Compare with another revision instead of running tests, and report each row as a test."""
    config = session.config
    if not (revision := config.getoption("against")) or config.getoption("collectonly"):
        return None
    model = (config.getoption("model") or [DEFAULT_MODEL])[0]
    given = {key: config.getoption(key) for key in ("device", "recipe", "precision")}
    options = [f"--{key}={value}" for key, value in given.items() if value]
    begun = time.perf_counter()
    try:
        found = compare(revision, adapter.source_of(model), options, own_files.sets())
    except ERRORS as error:
        config.stash[STOPPED] = f"against {revision}: {error}"
        _report(session, f"against {revision}", str(error), 0.0)
        return True
    config.stash[COMPARED] = found
    seconds = (time.perf_counter() - begun) / len(found.rows)
    for row in found.rows:
        _report(session, f"against {revision}: {row.benchmark}", str(row) if row.red else "", seconds)
    return True


def _report(session: pytest.Session, name: str, why: str, seconds: float) -> None:
    """Report a row to pytest as a test. why: the reason why the row is red, or "" if it is not red."""
    outcome: Any = "failed" if why else "passed"
    where = ("benchmarks/against", None, name)
    report = pytest.TestReport(
        f"benchmarks/against::{name}",
        where,
        {},
        outcome,
        why or None,
        "call",
        duration=seconds,
        user_properties=[("measured", why)],  # the report has the reason from pytest_gate_record
    )
    session.testscollected += 1
    session.ihook.pytest_runtest_logreport(report=report)


def pytest_gate_record(config: pytest.Config) -> dict[str, Any]:
    """Return the comparison for the report."""
    if why := config.stash.get(STOPPED, ""):
        return {"reasons": [why]}
    if not (found := config.stash.get(COMPARED, None)):
        return {}
    return {"against": found.as_data(), "reasons": [f"against {found.revision}: {row}" for row in found.red]}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if found := terminalreporter.config.stash.get(COMPARED, None):
        terminalreporter.section("against")
        for line in found.table():
            terminalreporter.line(line)


@pytest.hookimpl(specname="pytest_sessionfinish", wrapper=True, tryfirst=True)  # after pytest's own last line
def pytest_verdict(session: pytest.Session) -> Generator[None]:
    yield
    stash, reporter = session.config.stash, session.config.pluginmanager.getplugin("terminalreporter")
    if reporter and COMPARED in stash:
        reporter.line(f"benchmarks: {stash[COMPARED].last_line}", bold=True)
    elif reporter and STOPPED in stash:
        reporter.line(f"benchmarks: FAIL: {stash[STOPPED]}", bold=True)
