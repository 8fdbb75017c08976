"""The plugin for pytest: options, fixtures, and which checks a run makes. It judges nothing."""

import os
import sys
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import pytest

# Before MLX is imported: TF32 would fail a right model on a GPU. Speeds are measured with what is set.
if "--benchmark-only" not in sys.argv:
    os.environ.setdefault("MLX_ENABLE_TF32", "0")

import embeddings
from embedding_gate import checks, own_files
from embedding_gate.adapter import ERRORS, watch_batches
from embedding_gate.checks.test_ranks import Ranks
from embedding_gate.claims.published import Comparison
from embedding_gate.clashing_options import check_embedder, check_together
from embedding_gate.command_line import add_options, judges, names_of, read_options
from embedding_gate.corpus.launch import encode_in_ranks
from embedding_gate.data.labelled import Topics
from embedding_gate.data.projector import check_writable
from embedding_gate.endpoint import Endpoint
from embedding_gate.errors import SubjectLost
from embedding_gate.progress import shown, waiting
from embedding_gate.reindex.reindex import Reindex
from embedding_gate.session import check_required, open_recorded, published_of
from embedding_gate.state import RUN, Judged, Run, in_order, is_check, run_of
from embedding_gate.subjects.embedded import Embedded
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.offers import unoffered
from embedding_gate.subjects.origin import Origin
from embedding_gate.subjects.recorded import recorded_names
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.xdist import check_whole, is_first, is_other, take_part

pytest_plugins = ["embedding_gate.report.plugin", "embedding_gate.ending"]
pytest_addoption = add_options
THIS = sys.modules[__name__]
MARKERS = (
    "quality: the gate: one claim about the model per test",
    "semantic: a claim about what vectors say of texts, which random weights cannot keep",
    "needs(offer, ...): what the subject must offer for the check to be made",
)


def pytest_configure(config: pytest.Config) -> None:
    for line in MARKERS:
        config.addinivalue_line("markers", line)
    left_out = config.getoption("ignore") or config.getoption("ignore_glob")
    named = config.args_source is pytest.Config.ArgsSource.ARGS and config.args != [checks.__name__]
    config.stash[RUN] = run = Run(read_options(config), partial=named or bool(left_out))
    check_together(config)
    if config.getoption("call_shapes"):
        watch_batches()
    with refusals():
        check_required(run.options.require)
        embeddings.use_device(run.options.device)
        if folder := config.getoption("recorded"):
            for name in recorded_names(folder):
                run.judged[name] = open_recorded(folder, name, run.options)
        run.name([*run.judged] if folder else names_of(config), recorded=bool(folder))
        if folder := config.getoption("projector"):
            check_writable(folder)
    take_part(config)


@pytest.hookimpl(tryfirst=True)  # before pytest prints anything
def pytest_sessionstart(session: pytest.Session) -> None:
    """Open what the user named before tests are collected: a mistake shows at once, in one line."""
    config, run = session.config, run_of(session.config)
    usual = run.options == own_files.OWN and not config.getoption("model")
    fixture = any(hasattr(plugin, "embedder") for plugin in config.pluginmanager.get_plugins() - {THIS})
    if usual or fixture or not judges(config) or config.option.collectonly or is_other(config):
        return
    with refusals():
        try:
            for name in run.names:
                with waiting(f"opening {run.options.subject or name}"):
                    run.new_gate(name)
                if is_first(config):  # another process opens it again
                    run.close(name)
        except ERRORS:
            raise
        except Exception:  # noqa: BLE001  (no mistake of the user's: the tests will show it)
            return


def pytest_unconfigure(config: pytest.Config) -> None:
    if RUN in config.stash:
        run = run_of(config)
        for name in [*run.judged]:
            run.close(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "judged" in metafunc.fixturenames:
        metafunc.parametrize("judged", run_of(metafunc.config).names, indirect=True, scope="session")


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Generator[None]:
    run = run_of(config)
    items[:] = [item for item in items if not is_check(item) or item.name.partition("[")[0] in run.tests]
    yield
    items[:] = in_order(items, run.names)


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in filter(is_check, items):
        run_of(item.config).partial = True


@pytest.fixture(scope="session")
def embedder() -> object:
    """What another repository judges: its conftest.py returns an object or a function that embeds."""
    return None


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest, embedder: object) -> Judged:
    """What is judged, opened once: a live model, or recorded vectors."""
    check_whole(request)
    with one_error():
        if embedder is not None:
            check_embedder(request.config)
        return run_of(request.config).opened(request.param, embedder)


@pytest.fixture
def subject(judged: Subject) -> Subject:
    """The live model under judgement."""
    return judged


@pytest.fixture
def endpoint(judged: Judged) -> Endpoint:
    """The server under judgement."""
    assert isinstance(judged, Subject)
    assert isinstance(judged.endpoint, Endpoint)  # or the contract's checks are none of this run
    return judged.endpoint


@pytest.fixture
def origin(judged: Judged) -> Origin:
    """The model that the judged one was made from."""
    assert isinstance(judged, Subject)
    assert isinstance(judged.origin, Origin)  # or the comparison is none of this run
    return judged.origin


@pytest.fixture
def ranks(request: pytest.FixtureRequest, judged: Judged) -> Ranks:
    """What encodes texts with several processes that share the work."""
    assert isinstance(judged, Subject)
    return partial(encode_in_ranks, judged.source, run_of(request.config).options)


@pytest.fixture
def reindex(judged: Judged) -> Reindex:
    """What is judged, beside a snapshot or another model."""
    assert isinstance(judged.reindex, Reindex)  # or the comparison is none of this run
    with one_error():
        _ = judged.reindex.verdict
    return judged.reindex


@pytest.fixture
def published(judged: Judged) -> Sequence[Comparison]:
    """The published figures of what is judged, beside its own."""
    return published_of(judged)


@pytest.fixture
def topics(judged: Judged) -> Embedded[Topics]:
    """The vectors of texts by topic, of a live model or recorded."""
    with one_error():
        return judged.topics


@pytest.fixture
def gate(request: pytest.FixtureRequest, judged: Judged) -> Gate:  # noqa: ARG001  (opened first)
    """The gate that collects the verdicts on what is judged."""
    with one_error():
        return run_of(request.config).gate(request.node.callspec.params["judged"])


@pytest.hookimpl(specname="pytest_pyfunc_call", tryfirst=True)
def pytest_not_offered(pyfuncitem: pytest.Function) -> bool | None:
    """Do not make a check that needs what the subject does not offer."""
    gate, judged = pyfuncitem.funcargs.get("gate"), pyfuncitem.funcargs.get("judged")
    if not isinstance(gate, Gate) or not isinstance(judged, Judged):
        return None
    if lacking := unoffered(pyfuncitem.obj, judged.offers):
        gate.not_offered(lacking)
        return True
    return None


@contextmanager
def refusals() -> Iterator[None]:
    """Refuse in one line what the user asked for, before tests are collected."""
    try:
        yield
    except ERRORS as error:
        raise pytest.UsageError(str(error)) from error


@contextmanager
def one_error() -> Iterator[None]:
    """End the run with one line where a model or a fixture cannot be read: every test would say the same."""
    try:
        yield
    except ERRORS as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.USAGE_ERROR)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    gate = pyfuncitem.funcargs.get("gate")
    if not isinstance(gate, Gate):
        return (yield)
    before = len(gate.verdicts)
    try:
        with shown(pyfuncitem.config), waiting(pyfuncitem.name), gate.claim(pyfuncitem.name):
            return (yield)
    finally:
        for verdict in gate.verdicts[before:]:
            part = verdict.check.partition(": ")[2]
            names = (f"{name}: {part}" if part else name for name in ("measured", "required"))
            pyfuncitem.user_properties += zip(names, (verdict.measured, verdict.required), strict=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance((CheckFailed, *ERRORS)):
        report.longrepr = str(call.excinfo.value)  # the verdict says it all
        if call.excinfo.errisinstance(SubjectLost):
            item.session.shouldfail = "the subject is lost: the checks after this one were not made"
            run_of(item.config).partial = True
    return report
