"""Fixtures of the proof: every selected fault is judged, side by side with others."""

from collections.abc import Iterator
from concurrent.futures import Future

import pytest

from tests.faults.matrix import Outcome, judged, matrix_table

OUTCOMES = pytest.StashKey[list[Outcome]]()


@pytest.fixture(scope="session")
def futures(request: pytest.FixtureRequest) -> Iterator[dict[str, Future[Outcome]]]:
    """What will be said of each fault whose test was selected."""
    calls = (item.callspec for item in request.session.items if hasattr(item, "callspec"))
    models = {
        call.params["fault"].name: call.params["fault"].model for call in calls if "fault" in call.params
    }
    with judged(models) as found:
        yield found


@pytest.fixture
def outcome(request: pytest.FixtureRequest, futures: dict[str, Future[Outcome]]) -> Outcome:
    """What the gate said of the test's fault."""
    found = futures[request.node.callspec.params["fault"].name].result()
    request.config.stash.setdefault(OUTCOMES, []).append(found)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix."""
    if outcomes := terminalreporter.config.stash.get(OUTCOMES, []):
        terminalreporter.section("kill matrix: x red, . green")
        for line in matrix_table(outcomes):
            terminalreporter.line(line)
