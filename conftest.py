"""The pytest adapter: options, fixtures, the table. It has no logic of its own."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from embeddings.catalog import DEFAULT_MODEL
from embeddings.errors import EmbeddingsError
from embeddings.evaluation.gate import Gate
from embeddings.evaluation.report import gate_table
from embeddings.evaluation.subject import Subject
from tests import harness

GATES = pytest.StashKey[dict[str, Gate]]()
SUBJECTS = pytest.StashKey[dict[str, Subject]]()
COMPLETE = pytest.StashKey[bool]()


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


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "subject" in metafunc.fixturenames:
        models = metafunc.config.getoption("model") or [DEFAULT_MODEL]
        metafunc.parametrize("subject", models, indirect=True, scope="session")


def pytest_collection_finish(session: pytest.Session) -> None:
    wanted = {name for name, _ in harness.gate_tests()}
    collected = {item.originalname for item in session.items if isinstance(item, pytest.Function)}
    session.config.stash[COMPLETE] = wanted <= collected


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
    gates = request.config.stash[GATES]
    if subject.encoder.name not in gates:
        with one_error():
            gates[subject.encoder.name] = harness.open_gate(subject.encoder.name)
    return gates[subject.encoder.name]


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
    with gate.claim(pyfuncitem.originalname or pyfuncitem.name):
        result = yield
    verdict = gate.verdicts[-1]
    pyfuncitem.user_properties += [("measured", verdict.measured), ("required", verdict.required)]
    return result


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    stash = session.config.stash
    complete = stash.get(COMPLETE, False)
    unread = any(gate.unread for gate in stash[GATES].values())
    if complete and unread and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    config = terminalreporter.config
    for gate in config.stash[GATES].values():
        terminalreporter.section("embedding gate")
        for line in gate_table(gate):
            terminalreporter.line(line)
        if config.stash.get(COMPLETE, False) and gate.unread:
            terminalreporter.line(f"  FAIL: bars that no check read: {', '.join(gate.unread)}")
