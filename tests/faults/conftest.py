"""The pytest adapter of the proof: every selected fault is judged, side by side with others."""

from concurrent.futures import Future
from contextlib import ExitStack

import pytest

from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.matrix import Outcome, Run, judged, matrix_table

OUTCOMES = pytest.StashKey[list[Outcome]]()
FUTURES = pytest.StashKey[dict[Run, Future[Outcome]]]()
RUNNING = pytest.StashKey[ExitStack]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for a run of each fault, and for as many of those that draw random numbers as there are seeds."""
    for argument, faults in (("fault", FAULTS), ("variant", BENIGN)):
        if argument in metafunc.fixturenames:
            seeds = metafunc.config.getoption("seeds")
            runs = [(one, seed) for one in faults for seed in range(seeds if one.random else 1)]
            names = [one.name + (f"-{seed}" if one.random else "") for one, seed in runs]
            metafunc.parametrize((argument, "seed"), runs, ids=names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the faults come last: their processes work while the other tests run.

    ``-k`` also knows a fault by its cause, and by where it bites: ``-k at_time`` for the measurements.
    """
    for item in items:
        if fault := fault_of(item):
            item.extra_keyword_matches |= {fault.cause, f"at_{fault.where}"}
    items.sort(key=lambda item: item.get_closest_marker("faults") is not None)


def fault_of(item: pytest.Item) -> Fault | None:
    """Return the fault or benign variant that a test looks at."""
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    fault = asked.get("fault") or asked.get("variant")
    return fault if isinstance(fault, Fault) else None


def run_of(item: pytest.Item) -> Run | None:
    """Return the run that a test looks at: a fault's name, and a seed."""
    fault = fault_of(item)
    return (fault.name, item.callspec.params["seed"]) if fault else None  # type: ignore[attr-defined]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin to judge every fault whose test was selected."""
    ours = [item for item in session.items if item.get_closest_marker("faults")]
    runs = [run for item in ours if (run := run_of(item))]
    if runs and not session.config.option.collectonly:
        running = session.config.stash[RUNNING] = ExitStack()
        session.config.stash[FUTURES] = running.enter_context(judged(runs))


def pytest_unconfigure(config: pytest.Config) -> None:
    """End the processes, whatever they are at."""
    config.stash.get(RUNNING, ExitStack()).close()


@pytest.fixture
def outcome(request: pytest.FixtureRequest, seed: int) -> Outcome:  # noqa: ARG001  (in run_of)
    """What the gate said of the test's fault."""
    run = run_of(request.node)
    assert run is not None
    found = request.config.stash[FUTURES][run].result()
    request.config.stash.setdefault(OUTCOMES, []).append(found)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix."""
    if outcomes := terminalreporter.config.stash.get(OUTCOMES, []):
        terminalreporter.section("kill matrix: x red, . green")
        for line in matrix_table(outcomes):
            terminalreporter.line(line)
