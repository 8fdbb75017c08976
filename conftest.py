"""The pytest adapter: options, fixtures, the table. It has no logic of its own."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from embeddings.catalog import DEFAULT_MODEL
from embeddings.errors import EmbeddingsError
from embeddings.evaluation.gate import CheckFailed, Gate
from embeddings.evaluation.report import gate_table
from embeddings.evaluation.subject import Subject
from tests import harness

GATES = pytest.StashKey[dict[str, Gate]]()
SUBJECTS = pytest.StashKey[dict[str, Subject]]()
PARTIAL = pytest.StashKey[bool]()


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("embedding-gate")
    group.addoption(
        "--model",
        action="append",
        metavar="NAME|PATH",
        default=[],
        help=f"model to judge, as --model=PATH; repeatable (default: {DEFAULT_MODEL})",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.stash[GATES], config.stash[SUBJECTS] = {}, {}
    named = config.args_source is pytest.Config.ArgsSource.ARGS
    config.stash[PARTIAL] = named or bool(config.getoption("ignore") or config.getoption("ignore_glob"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        models = metafunc.config.getoption("model") or [DEFAULT_MODEL]
        if len(set(models)) < len(models):
            raise pytest.UsageError(f"--model: the same model twice: {', '.join(models)}; name each once")
        metafunc.parametrize("subject", models, indirect=True, scope="session")


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("quality"):
            item.config.stash[PARTIAL] = True


@pytest.fixture(scope="session")
def subject(request: pytest.FixtureRequest) -> Subject:
    """The model under judgement, loaded once."""
    subjects = request.config.stash[SUBJECTS]
    if request.param not in subjects:
        with one_error():
            subjects[request.param] = harness.open_subject(request.param)
    return subjects[request.param]


@pytest.fixture
def gate(request: pytest.FixtureRequest, subject: Subject) -> Gate:
    """The gate that collects the verdicts on the subject."""
    gates, model = request.config.stash[GATES], request.node.callspec.params["subject"]
    if model not in gates:
        with one_error():
            gates[model] = harness.open_gate(subject.name)
    return gates[model]


@contextmanager
def one_error() -> Iterator[None]:
    """End the run with one line where a model or a fixture cannot be read: every test would say the same."""
    try:
        yield
    except EmbeddingsError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    gate = pyfuncitem.funcargs.get("gate")
    if not isinstance(gate, Gate):
        return (yield)
    try:
        with gate.claim(pyfuncitem.name):
            return (yield)
    finally:
        verdict = gate.verdicts[-1]
        pyfuncitem.user_properties += [("measured", verdict.measured), ("required", verdict.required)]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance(CheckFailed):
        report.longrepr = str(call.excinfo.value)  # the verdict says it all
    return report


def unread(config: pytest.Config) -> list[str]:
    """Name the bars that no check read, unless only a part of the gate was asked for."""
    if config.stash[PARTIAL]:
        return []
    return [f"{gate.model}: {check}" for gate in config.stash[GATES].values() for check in gate.unread]


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    red = any(gate.red for gate in session.config.stash[GATES].values())
    if session.exitstatus == pytest.ExitCode.OK and (red or unread(session.config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    config = terminalreporter.config
    broken_off = exitstatus == pytest.ExitCode.INTERRUPTED
    for model, gate in config.stash[GATES].items():
        ran = f"{len(gate.verdicts)} of {len(list(harness.gate_tests()))} checks"
        part = f", BROKEN OFF after {ran}" if broken_off else f", A PART: {ran}"
        terminalreporter.section("embedding gate" + (part if broken_off or config.stash[PARTIAL] else ""))
        for line in gate_table(gate, model):
            terminalreporter.line(line)
    if not broken_off:
        for bar in unread(config):
            terminalreporter.line(f"FAIL: a bar that no check read: {bar}")
