"""Connects the proof to pytest: every selected fault is judged, several at the same time."""

import json
from collections.abc import Generator
from concurrent.futures import Future
from typing import Any

import pytest

from embedding_gate import own_files
from embedding_gate.verdicts.diagnosis import read_signatures
from tests.faults.catalogue import BENIGN, FAULTS, Fault
from tests.faults.lone import lone_table
from tests.faults.matrix import Outcome, Run, judged
from tests.faults.power import GOLDENS, Row, as_data, rows_of, without
from tests.faults.signatures import named, signature_of
from tests.faults.tables import gates_table, matrix_table

OUTCOMES = pytest.StashKey[dict[Run, Outcome]]()
FUTURES = pytest.StashKey[dict[Run, Future[Outcome]]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask for one run of each fault. A fault that draws random numbers gets one run for each seed."""
    for argument, faults in (("fault", FAULTS), ("variant", BENIGN)):
        if argument in metafunc.fixturenames:
            seeds = metafunc.config.getoption("seeds")
            runs = [(one, seed) for one in faults for seed in range(seeds if one.random else 1)]
            names = [one.name + (f"-{seed}" if one.random else "") for one, seed in runs]
            metafunc.parametrize((argument, "seed"), runs, ids=names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of faults last, and after them the tests of all faults together.

    The processes that judge faults work while other tests run. ``-k`` also selects faults by their cause, and
    by what they change: ``-k at_time`` selects the faults of the measurements.
    """
    for item in items:
        if fault := fault_of(item):
            item.extra_keyword_matches |= {fault.cause, f"at_{fault.where}"}
    items.sort(key=lambda item: (item.get_closest_marker("faults") is not None, wants_all(item)))


def wants_all(item: pytest.Item) -> bool:
    """Tell whether a test needs the outcomes of all faults."""
    return "proof" in getattr(item, "fixturenames", ())


def fault_of(item: pytest.Item) -> Fault | None:
    """Return the fault or benign variant of a test, or None."""
    asked = item.callspec.params if hasattr(item, "callspec") else {}
    fault = asked.get("fault") or asked.get("variant")
    return fault if isinstance(fault, Fault) else None


def run_of(item: pytest.Item) -> Run | None:
    """Return the run of a test: the name of a fault, and a seed."""
    fault = fault_of(item)
    return (fault.name, item.callspec.params["seed"]) if fault else None  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop(session: pytest.Session) -> Generator[None, object, object]:
    """Judge every fault whose test was selected. It begins before the first test and ends with the last."""
    config = session.config
    runs = [run for item in session.items if (run := run_of(item))]
    idle = config.option.collectonly or (
        session.testsfailed and not config.option.continue_on_collection_errors
    )
    if not runs or idle:
        return (yield)
    with judged(runs, named_only=config.getoption("named_only")) as config.stash[FUTURES]:
        return (yield)


def checks_taken_out(config: pytest.Config) -> set[str]:
    """Name the checks that the user leaves out."""
    taken = set(config.getoption("without"))
    return taken | GOLDENS if "goldens" in taken else taken


def outcome_of(config: pytest.Config, run: Run) -> Outcome:
    """Wait for the outcome of a run, and remove the checks that the user leaves out."""
    outcomes = config.stash[OUTCOMES]
    if run not in outcomes:
        outcomes[run] = without(config.stash[FUTURES][run].result(), checks_taken_out(config))
    return outcomes[run]


@pytest.fixture
def taken_out(pytestconfig: pytest.Config) -> set[str]:
    """The checks that the user leaves out."""
    return checks_taken_out(pytestconfig)


@pytest.fixture
def outcome(request: pytest.FixtureRequest, seed: int) -> Outcome:  # noqa: ARG001  (run_of finds it)
    """What the gate said of the test's fault."""
    run = run_of(request.node)
    assert run is not None
    return outcome_of(request.config, run)


@pytest.fixture
def proof(pytestconfig: pytest.Config) -> list[Row]:
    """What the gate said of every fault and every benign variant."""
    if taken := checks_taken_out(pytestconfig):
        pytest.skip(f"a part of the gate: without {', '.join(sorted(taken))}")
    rows = rows_of(outcome_of(pytestconfig, run) for run in pytestconfig.stash.get(FUTURES, {}))
    if missing := len(FAULTS) + len(BENIGN) - len(rows):
        pytest.skip(f"a part of the proof: {missing} faults were not selected")
    return rows


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Write the kill matrix to the file of --kill-matrix."""
    config = session.config
    if (file := config.getoption("kill_matrix")) and (outcomes := config.stash[OUTCOMES]):
        try:
            file.write_text(
                json.dumps(as_data(rows_of(outcomes.values())), indent=1) + "\n", encoding="utf-8"
            )
        except OSError as error:
            pytest.exit(f"--kill-matrix={file}: cannot be written ({error.strerror})", returncode=1)


def pytest_gate_record(config: pytest.Config) -> dict[str, Any]:
    """Give the report the kill matrix. Only --kill-matrix writes the verdicts of each run."""
    if config.getoption("named_only") or not (rows := rows_of(config.stash[OUTCOMES].values())):
        return {}
    found = as_data(rows)
    faults = [{key: value for key, value in fault.items() if key != "runs"} for fault in found["faults"]]
    return {"kill_matrix": {**found, "faults": faults}}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the kill matrix, what each check kills, and how many faults the diagnosis names."""
    config = terminalreporter.config
    outcomes = list(config.stash[OUTCOMES].values())
    if not (rows := rows_of(outcomes)):
        return
    if config.getoption("named_only"):
        bad, good = ([row.red() for row in rows if row.fault.benign is benign] for benign in (False, True))
        terminalreporter.section("proof of power: each fault by the checks named for it")
        terminalreporter.line(
            f"  {sum(bad)} of {len(bad)} faults killed, {sum(good)} of {len(good)} false alarms"
        )
        return
    sections = {
        "kill matrix: x red, . green": matrix_table(rows),
        "what kills what": gates_table(rows),
        "killed by one check alone": lone_table(rows),
    }
    if {row.fault for row in rows} >= set(FAULTS):
        signatures = read_signatures(own_files.SIGNATURES)
        runs = [signature_of(outcome) for outcome in outcomes]
        found = [named(runs, signatures, left_out=left_out) for left_out in (False, True)]
        sections["diagnosis: among the first three named"] = [line for one in found for line in one.lines]
    for title, lines in sections.items():
        terminalreporter.section(title)
        for line in lines:
            terminalreporter.line(line)
