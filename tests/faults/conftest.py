"""The pytest adapter of the proof: every selected fault is judged, side by side with others."""

from concurrent.futures import Future
from contextlib import ExitStack

import pytest

from embeddings.evaluation.diagnosis import read_signatures
from tests import harness
from tests.faults.catalogue import BENIGN, BY_NAME, FAULTS
from tests.faults.matrix import Outcome, Run, judged, matrix_table
from tests.faults.signatures import named

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
    """Let the faults come last, their processes work while other tests run; then what is said of all."""
    items.sort(key=lambda item: (item.get_closest_marker("faults") is not None, wants_all(item)))


def wants_all(item: pytest.Item) -> bool:
    """Whether a test looks at all faults together."""
    return "outcomes" in getattr(item, "fixturenames", ())


def run_of(item: pytest.Item) -> Run | None:
    """Return the run that a test looks at: a fault's name, and a seed."""
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    fault = asked.get("fault") or asked.get("variant")
    return (fault.name, asked["seed"]) if fault else None


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


def of_all_faults(config: pytest.Config) -> list[Outcome]:
    """Return what the gate said of every fault in this run; nothing where it was of a part."""
    found = [one for one in config.stash.get(OUTCOMES, []) if not BY_NAME[one.name].benign]
    return found if {one.name for one in found} == {fault.name for fault in FAULTS} else []


@pytest.fixture
def outcomes(request: pytest.FixtureRequest) -> list[Outcome]:
    """What the gate said of all faults."""
    return of_all_faults(request.config) or pytest.skip(
        "a part of the faults was selected: it is of all of them"
    )


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix, and how many faults a red run names."""
    config = terminalreporter.config
    if outcomes := config.stash.get(OUTCOMES, []):
        terminalreporter.section("kill matrix: x red, . green")
        for line in matrix_table(outcomes):
            terminalreporter.line(line)
    if faults := of_all_faults(config):
        terminalreporter.section("diagnosis: among the first three named")
        signatures = read_signatures(harness.SIGNATURES)
        for left_out in (False, True):
            for line in named(faults, signatures, left_out=left_out).lines:
                terminalreporter.line(line)
