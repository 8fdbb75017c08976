"""Fixtures of the proof: every selected fault is judged, side by side with others."""

from concurrent.futures import Future
from contextlib import ExitStack

import pytest

from tests.faults.matrix import Outcome, judged, matrix_table

OUTCOMES = pytest.StashKey[list[Outcome]]()
FUTURES = pytest.StashKey[dict[str, Future[Outcome]]]()
RUNNING = pytest.StashKey[ExitStack]()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the faults come last: their processes work while the other tests run."""
    items.sort(key=lambda item: item.get_closest_marker("faults") is not None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to judge every fault whose test was selected."""
    ours = (item for item in session.items if item.get_closest_marker("faults"))
    calls = (item.callspec for item in ours if hasattr(item, "callspec"))
    faults = [call.params["fault"] for call in calls if "fault" in call.params]
    if faults and not session.config.option.collectonly:
        running = session.config.stash[RUNNING] = ExitStack()
        models = {fault.name: fault.model for fault in faults}
        session.config.stash[FUTURES] = running.enter_context(judged(models))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the processes, whatever they are at."""
    config.stash.get(RUNNING, ExitStack()).close()


@pytest.fixture
def outcome(request: pytest.FixtureRequest) -> Outcome:
    """What the gate said of the test's fault."""
    found = request.config.stash[FUTURES][request.node.callspec.params["fault"].name].result()
    request.config.stash.setdefault(OUTCOMES, []).append(found)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix."""
    if outcomes := terminalreporter.config.stash.get(OUTCOMES, []):
        terminalreporter.section("kill matrix: x red, . green")
        for line in matrix_table(outcomes):
            terminalreporter.line(line)
