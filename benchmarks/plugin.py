"""The pytest plugin of the measurements, ``pytest --benchmark-only``. Other modules measure and judge."""

import inspect
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from benchmarks.harness import baseline
from benchmarks.harness.audits import judge
from benchmarks.harness.bench import Bench, Measure
from benchmarks.harness.fresh import Seen
from benchmarks.harness.opening import open_library_bench, open_outside_bench
from benchmarks.harness.options import refuse_files, refuse_options, stored_runs
from benchmarks.harness.outcome import audits_as_data, changes, failures, last_line
from benchmarks.harness.outside import OutsideEngine, open_outside_engine
from benchmarks.harness.plan import Plan, default_models, outside_plan, plan_of
from benchmarks.harness.serialize import measurements
from benchmarks.harness.tables import tables
from embedding_gate import adapter, own_files, session
from embedding_gate.adapter import ERRORS
from embedding_gate.claims.published import read_published
from embedding_gate.command_line import read_options, subject_of
from embedding_gate.machine import machine
from embedding_gate.report.record import red_reasons
from embedding_gate.subjects.offers import unoffered
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.table import gate_table

HERE = Path(__file__).parent
PLANS = pytest.StashKey[dict[str, Plan]]()  # only in a run that measures
BENCHES = pytest.StashKey[dict[str, Bench]]()
AUDITED = pytest.StashKey[dict[str, Gate]]()
SEEN = pytest.StashKey[Seen]()
BASELINES = pytest.StashKey[list[tuple[Path, baseline.Document]]]()
CHANGES = pytest.StashKey[list[str]]()  # since the baselines
FAILURES = pytest.StashKey[list[str]]()  # in addition to the red audits
OUTSIDE = pytest.StashKey[OutsideEngine]()  # only if --subject names one
MODULES = ("test_speed.py", "test_outside_speed.py")  # for the library, and for another subject


def measures(config: pytest.Config) -> bool:
    """Return whether this run is a run of the measurements."""
    return bool(config.getoption("benchmark_only", default=False))


@pytest.hookimpl(tryfirst=True)  # before pytest-benchmark reads its options
def pytest_configure(config: pytest.Config) -> None:
    if not measures(config):
        if config.args_source is pytest.Config.ArgsSource.ARGS and any(map(_in_benchmarks, config.args)):
            raise pytest.UsageError("benchmarks: they run under --benchmark-only and not without; add it")
        return
    refuse_options(config)
    refuse_files(config)
    config.stash[BENCHES], config.stash[AUDITED], config.stash[SEEN] = {}, {}, Seen()
    # Hides the table of pytest-benchmark. Its warnings and --benchmark-compare-fail still work.
    config.option.benchmark_quiet = True


def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if not measures(config):
        return
    try:
        if subject_of(config):
            config.stash[OUTSIDE] = engine = open_outside_engine(_names(config)[0], read_options(config))
            config.stash[PLANS] = {engine.model: outside_plan(engine.seconds_of_a_call())}
        else:
            config.stash[PLANS] = {name: plan_of(name) for name in _names(config)}
    except ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[BASELINES] = stored_runs(config)


def _names(config: pytest.Config) -> list[str]:
    """Return the names of the measured models. conftest.py has already chosen the device."""
    return config.getoption("model") or default_models()


def _in_benchmarks(argument: str) -> bool:
    return HERE in (Path(argument.partition("::")[0]).resolve() / "x").parents


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Collect only benchmarks in a run that measures, and no benchmarks in other runs."""
    ours = HERE in (collection_path, *collection_path.parents)
    other = collection_path == HERE / MODULES[not subject_of(config)]
    above = collection_path in HERE.parents
    return True if other or (not above and ours != measures(config)) else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "measure" not in metafunc.fixturenames:
        return
    plans = metafunc.config.stash[PLANS]
    if "clients" in metafunc.fixturenames:
        metafunc.parametrize("clients", [count for plan in plans.values() for count in plan.clients])
    if "shape" not in metafunc.fixturenames:
        metafunc.parametrize("bench", list(plans), indirect=True, scope="session")
        return
    pairs = [(name, shape) for name, plan in plans.items() for shape in plan.grid]
    names = [f"{name}-{batch}x{length}" for name, (batch, length) in pairs]
    metafunc.parametrize(("bench", "shape"), pairs, indirect=["bench"], ids=names, scope="session")


@pytest.hookimpl(trylast=True)  # after pytest has sorted the tests in its own order
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if not measures(config):
        return
    for item in items:
        asked = inspect.signature(item.function).parameters if isinstance(item, pytest.Function) else {}
        if "benchmark" in asked or "measure" not in asked:
            raise pytest.UsageError(
                f"{item.nodeid}: no measurement by the rules; leave it out, or let it ask for measure alone"
            )
    if OUTSIDE in config.stash:
        offers = config.stash[OUTSIDE].offers
        items[:] = [item for item in items if not unoffered(item.function, offers)]  # type: ignore[attr-defined]
    plans = config.stash[PLANS]
    names = list(plans)  # all benchmarks of a model together, so that each model is opened once
    items.sort(key=lambda item: names.index(item.callspec.params["bench"]))  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def bench(request: pytest.FixtureRequest) -> Any:
    """Open one model once. The audits run after its last benchmark, unless the subject is lost."""
    config, name = request.config, request.param
    config.stash[BENCHES][name] = opened = _open(config, name)
    yield opened
    lost = OUTSIDE in config.stash and request.session.shouldfail
    if lost or request.session.exitstatus == pytest.ExitCode.INTERRUPTED:
        return
    try:
        opened.audit()
    finally:
        config.stash[AUDITED][name] = judge(name, opened.findings)


def _open(config: pytest.Config, name: str) -> Bench:
    plan, seen = config.stash[PLANS][name], config.stash[SEEN]
    options = {key: config.getoption(key) for key in ("recipe", "precision")}
    if OUTSIDE in config.stash:
        return open_outside_bench(config.stash[OUTSIDE], plan, seen, precision=options["precision"])
    try:
        return open_library_bench(name, plan, seen, options, config.getoption("device"))
    except ERRORS as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


def _precision(config: pytest.Config, name: str) -> str:
    return adapter.precision_of(name, own_files.Options(precision=config.getoption("precision")))


@pytest.fixture
def measure(bench: Bench, benchmark: Any) -> Measure:
    """Return the only object that measures. It enforces the rules, so a benchmark cannot break them."""
    return Measure(bench, benchmark)


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    if measures(config):
        machine_info |= machine([_precision(config, name) for name in _names(config)])
        machine_info |= {"subject": config.stash[OUTSIDE].name} if OUTSIDE in config.stash else {}


@pytest.hookimpl(optionalhook=True)
def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    audited = config.stash.get(AUDITED, {})
    output_json["audits"] = audits_as_data(audited)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    if not measures(config) or not config.stash[BENCHES]:
        return
    timed = config.pluginmanager.getplugin("pytest-benchmark")
    stored, benches, audited = config.stash[BASELINES], config.stash[BENCHES], config.stash[AUDITED]
    config.stash[CHANGES], reasons = changes(stored, timed)
    config.stash[FAILURES] = failures(benches, audited, len(timed.benchmarks)) + reasons
    red = any(gate.red for gate in audited.values()) or config.stash[FAILURES]
    if red and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(specname="pytest_sessionfinish", wrapper=True, tryfirst=True)  # after pytest's own last line
def pytest_verdict(session: pytest.Session) -> Generator[None]:
    yield
    stash, reporter = session.config.stash, session.config.pluginmanager.getplugin("terminalreporter")
    if reporter and stash.get(BENCHES, None):
        audited, reasons = stash[AUDITED], stash.get(FAILURES, [])
        line = last_line(audited, reasons, int(session.exitstatus))
        reporter.line(f"benchmarks: {line}", bold=True)


def pytest_gate_record(config: pytest.Config) -> dict[str, Any]:
    """Return the measurements for the report."""
    if CHANGES not in config.stash:
        return {}
    benches, audited = config.stash[BENCHES], config.stash[AUDITED]
    reasons = [line for model, gate in audited.items() for line in red_reasons(gate, model)]
    found = measurements(benches.values(), audited, read_published(own_files.FIXTURES / "published.toml"))
    return {**found, "reasons": reasons + config.stash[FAILURES]}


def pytest_unconfigure(config: pytest.Config) -> None:
    if OUTSIDE in config.stash:
        config.stash[OUTSIDE].client.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    if CHANGES not in config.stash:
        return
    benches = config.stash[BENCHES]
    lines = tables(benches.values(), read_published(own_files.FIXTURES / "published.toml"))
    for model, gate in config.stash[AUDITED].items():
        # The diagnosis knows only faults of the library.
        notes = [] if OUTSIDE in config.stash else session.diagnosis(gate)
        lines += ["", *gate_table(gate, model, notes)]
    terminalreporter.section("measurements")
    for line in [*lines, *config.stash[CHANGES], *(f"FAIL: {why}" for why in config.stash[FAILURES])]:
        terminalreporter.line(line)
