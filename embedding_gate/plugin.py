"""The pytest adapter: options, fixtures, the table, and which runs are whole. It judges nothing."""

import os
import sys
from collections.abc import Collection, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import pytest

# Before MLX is imported: TF32 would fail a right model on a GPU. Speeds are measured with what is set.
if "--benchmark-only" not in sys.argv:
    os.environ.setdefault("MLX_ENABLE_TF32", "0")

import embeddings
from embedding_gate import checks, own_files
from embedding_gate.adapter import ERRORS, open_subject
from embedding_gate.calibrate import calibrate
from embedding_gate.claims.published import Comparison
from embedding_gate.data.labelled import Topics
from embedding_gate.data.projector import check_writable
from embedding_gate.report import collect
from embedding_gate.report.record import red_reasons
from embedding_gate.session import (
    diagnosis,
    export,
    live_tests,
    open_gate,
    open_recorded,
    open_recorded_gate,
    published_of,
    recorded_tests,
    unbound,
)
from embedding_gate.subjects.embedded import Embedded
from embedding_gate.subjects.live import Subject
from embedding_gate.subjects.recorded import Recorded, recorded_names
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.table import gate_table
from embeddings.catalog import DEFAULT_MODEL
from embeddings.recipe import DECLARED, RECIPES

pytest_plugins = ["embedding_gate.report.plugin"]

GATES = pytest.StashKey[dict[str, Gate]]()
JUDGED = pytest.StashKey[dict[str, Subject | Recorded]]()
OPTIONS = pytest.StashKey[own_files.Options]()
PARTIAL = pytest.StashKey[bool]()
EXPORTED = pytest.StashKey[list[str]]()
CALIBRATED = pytest.StashKey[list[str]]()
FINISHED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("embedding-gate")
    group.addoption(
        "--model",
        action="append",
        metavar="NAME|PATH",
        default=[],
        help=f"model to judge, as --model=PATH; repeatable (default: {DEFAULT_MODEL})",
    )
    files = {
        "--recorded": "judge the vectors_X.tsv and metadata_X.tsv of this folder, and no live model",
        "--topics": "your own texts by topic: .jsonl, .tsv or .csv with category and text",
        "--sts": "your own graded pairs: .jsonl, .tsv or .csv with sentence1, sentence2 and score",
        "--retrieval": "your own retrieval set: a folder in BEIR form",
        "--thresholds": "thresholds of your own, which go before the gate's",
        "--projector": "write TensorFlow Projector files of the judged vectors into this folder",
    }
    for option, text in files.items():
        group.addoption(option, type=Path, metavar="PATH", help=f"{text}; as {option}=PATH")
    group.addoption(
        "--recipe",
        choices=(DECLARED, *RECIPES),
        default=DECLARED,
        help="the way from texts to vectors (default: what the model's folder declares)",
    )
    group.addoption(
        "--calibrate",
        action="store_true",
        help="write the semantic thresholds of a model that passes parity; the run that does so is red",
    )
    group.addoption(
        "--precision",
        choices=("float32", "float16", "bfloat16"),
        help="compute in it (default: float32, but the checkpoint's own for a decoder on a GPU)",
    )
    group.addoption(
        "--device", choices=("cpu", "gpu"), help="compute on it (default: a GPU where there is one)"
    )
    group.addoption(
        "--baseline",
        metavar="NAME|PATH|none",
        default=DEFAULT_MODEL,
        help=f"model that the judged one must not be worse than (default: {DEFAULT_MODEL})",
    )


def pytest_configure(config: pytest.Config) -> None:
    judged: dict[str, Subject | Recorded] = {}
    config.stash[GATES], config.stash[JUDGED] = {}, judged
    left_out = config.getoption("ignore") or config.getoption("ignore_glob")
    config.addinivalue_line("markers", "quality: the gate: one claim about the model per test")
    named = config.args_source is pytest.Config.ArgsSource.ARGS and config.args != [checks.__name__]
    config.stash[PARTIAL] = named or bool(left_out)
    own = {"topics": "topics", "sts": "pairs", "retrieval": "retrieval", "thresholds": "thresholds"}
    given = {name: config.getoption(option) for option, name in own.items() if config.getoption(option)}
    if not (baseline := config.getoption("baseline")):
        raise pytest.UsageError("--baseline: must be a name, a folder, or none")
    config.stash[OPTIONS] = options = own_files.Options(
        **given,
        baseline=None if baseline == "none" else baseline,
        recipe=config.getoption("recipe"),
        device=config.getoption("device"),
        precision=config.getoption("precision"),
    )
    brought = ("model", "topics", "sts", "retrieval", "projector", "device", "precision", "calibrate")
    refuse_beside(config, "recorded", brought, "brings its own texts and vectors")
    refuse_beside(config, "calibrate", own, "is for the gate's own texts")
    if len(set(names := config.getoption("model"))) < len(names):
        raise pytest.UsageError(f"--model: the same model twice: {', '.join(names)}; name each once")
    with refusals():
        embeddings.use_device(options.device)
        if folder := config.getoption("recorded"):
            for name in recorded_names(folder):
                judged[name] = open_recorded(folder, name, options)
        if folder := config.getoption("projector"):
            check_writable(folder)


def names_of(config: pytest.Config) -> list[str]:
    """Name what the gate judges: recorded vectors, which are read by now, or live models."""
    if config.getoption("recorded"):
        return [*config.stash[JUDGED]]
    models: list[str] = config.getoption("model")
    return models or [DEFAULT_MODEL]


@pytest.hookimpl(tryfirst=True)  # before pytest prints anything
def pytest_sessionstart(session: pytest.Session) -> None:
    """Open what the user named before tests are collected: a mistake shows at once, in one line."""
    config = session.config
    usual = config.stash[OPTIONS] == own_files.OWN and not config.getoption("model")
    asked = config.getoption("markexpr")
    judges = (not asked or "quality" in asked) and not config.getoption("benchmark_only", default=False)
    if usual or not judges or config.option.collectonly:
        return
    with refusals():
        try:
            for name in names_of(config):
                new_gate(opened(config, name), config.stash[OPTIONS])
        except ERRORS:
            raise
        except Exception:  # noqa: BLE001  (no mistake of the user's: the tests will show it)
            return


def refuse_beside(config: pytest.Config, option: str, others: Iterable[str], why: str) -> None:
    """Refuse an option beside any of the others."""
    clash = [name for name in others if config.getoption(name)] if config.getoption(option) else []
    if clash:
        raise pytest.UsageError(f"--{option} {why}: leave out --{clash[0]}")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "judged" in metafunc.fixturenames:
        metafunc.parametrize("judged", names_of(metafunc.config), indirect=True, scope="session")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    part = gate_tests(config)
    items[:] = [item for item in items if not is_gates(item) or item.name.partition("[")[0] in part]


def is_gates(item: pytest.Item) -> bool:
    return item.get_closest_marker("quality") is not None


def gate_tests(config: pytest.Config) -> Collection[str]:
    """Name the tests of this run's gate."""
    if config.getoption("recorded"):
        return recorded_tests()
    return live_tests(config.getoption("recipe"))


def pytest_deselected(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("quality"):
            item.config.stash[PARTIAL] = True


@pytest.fixture(scope="session")
def judged(request: pytest.FixtureRequest) -> Subject | Recorded:
    """What is judged, opened once: a live model, or recorded vectors."""
    with one_error():
        return opened(request.config, request.param)


def opened(config: pytest.Config, name: str) -> Subject | Recorded:
    """Return what is judged under a name."""
    found = config.stash[JUDGED]
    if name not in found:
        found[name] = open_subject(name, config.stash[OPTIONS])
    return found[name]


def new_gate(judged: Subject | Recorded, options: own_files.Options) -> Gate:
    """Make a gate with the thresholds of what is judged."""
    if isinstance(judged, Recorded):
        return open_recorded_gate(judged, options)
    return open_gate(judged, options)


@pytest.fixture
def subject(judged: Subject) -> Subject:
    """The live model under judgement."""
    return judged


@pytest.fixture
def published(judged: Subject | Recorded) -> Sequence[Comparison]:
    """The published figures of what is judged, beside its own."""
    return published_of(judged)


@pytest.fixture
def topics(judged: Subject | Recorded) -> Embedded[Topics]:
    """The vectors of texts by topic, of a live model or recorded."""
    with one_error():
        return judged.topics


@pytest.fixture
def gate(request: pytest.FixtureRequest, judged: Subject | Recorded) -> Gate:
    """The gate that collects the verdicts on what is judged."""
    gates, name = request.config.stash[GATES], request.node.callspec.params["judged"]
    if name not in gates:
        with one_error():
            gates[name] = new_gate(judged, request.config.stash[OPTIONS])
    return gates[name]


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
        with shown(pyfuncitem.config), gate.claim(pyfuncitem.name):
            return (yield)
    finally:
        for verdict in gate.verdicts[before:]:
            part = verdict.check.partition(": ")[2]
            names = (f"{name}: {part}" if part else name for name in ("measured", "required"))
            pyfuncitem.user_properties += zip(names, (verdict.measured, verdict.required), strict=True)


def shown(config: pytest.Config) -> AbstractContextManager[None]:
    """Let the progress bar of long work through pytest's capture."""
    manager = config.pluginmanager.getplugin("capturemanager")
    return manager.global_and_fixture_disabled() if manager else nullcontext()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    call: pytest.CallInfo[None],
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if call.excinfo is not None and call.excinfo.errisinstance((CheckFailed, *ERRORS)):
        report.longrepr = str(call.excinfo.value)  # the verdict says it all
    return report


def unread_thresholds(config: pytest.Config) -> list[str]:
    """Name the thresholds that no check evaluated: the user's, and on a complete run the gate's too."""
    gates = config.stash[GATES].values()
    found = [
        f"a threshold that no check read: {gate.model}: {check}" for gate in gates for check in gate.unread
    ]
    if config.stash[PARTIAL]:
        found = []
    if (own := config.stash[OPTIONS].thresholds) and gates:
        found += [
            f"a threshold of {own} that binds nothing here: {threshold}" for threshold in unbound(own, gates)
        ]
    return found


def calibrated(config: pytest.Config) -> list[str]:
    """Write the thresholds of each model judged, and return what the reader must see of it."""
    lines = []
    for name, gate in config.stash[GATES].items():
        subject = config.stash[JUDGED][name]
        assert isinstance(subject, Subject)
        try:
            diff = calibrate(subject, gate)
        except ERRORS as error:
            lines.append(f"FAIL: {error}")
            continue
        lines += [
            *diff,
            f"FAIL: --calibrate wrote thresholds of {subject.name}: read the diff, commit it, run again",
        ]
    return lines


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    config = session.config
    red = any(gate.red for gate in config.stash[GATES].values())
    if (folder := config.getoption("projector")) and session.exitstatus in FINISHED:
        live = [opened for opened in config.stash[JUDGED].values() if isinstance(opened, Subject)]
        try:
            config.stash[EXPORTED] = export(live, folder)
        except ERRORS as error:
            config.stash[EXPORTED], red = [f"FAIL: --projector: {error}"], True
    if config.getoption("calibrate") and session.exitstatus in FINISHED:
        config.stash[CALIBRATED], red = calibrated(config), True
    if session.exitstatus == pytest.ExitCode.OK and (red or unread_thresholds(config)):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def checks_made(config: pytest.Config, gate: Gate) -> str:
    """Say how many of the run's checks gave a verdict."""
    return f"{len(gate.claims)} of {len(gate_tests(config))} checks"


def pytest_gate_record(config: pytest.Config) -> dict[str, list[Any]]:
    """Give the report what was judged."""
    found: dict[str, list[Any]] = {"models": [], "published": [], "reasons": []}
    for asked_for, gate in config.stash[GATES].items():
        judged, options = config.stash[JUDGED][asked_for], config.stash[OPTIONS]
        found["models"].append(
            collect.model(
                gate,
                judged,
                asked_for,
                options,
                part=checks_made(config, gate) if config.stash[PARTIAL] else None,
            )
        )
        found["reasons"] += red_reasons(gate, asked_for)
        found["published"] += collect.published(judged)
    lines = [*config.stash.get(EXPORTED, []), *config.stash.get(CALIBRATED, [])]
    found["reasons"] += [line.removeprefix("FAIL: ") for line in lines if line.startswith("FAIL")]
    found["reasons"] += unread_thresholds(config)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, exitstatus: int) -> None:
    config = terminalreporter.config
    broken_off = exitstatus == pytest.ExitCode.INTERRUPTED
    for model, gate in config.stash[GATES].items():
        ran = checks_made(config, gate)
        part = f", BROKEN OFF after {ran}" if broken_off else f", A PART: {ran}"
        terminalreporter.section("embedding gate" + (part if broken_off or config.stash[PARTIAL] else ""))
        for line in gate_table(gate, model, [*diagnosis(gate), *config.stash[JUDGED][model].notes]):
            terminalreporter.line(line)
    for line in (*config.stash.get(EXPORTED, []), *config.stash.get(CALIBRATED, [])):
        terminalreporter.line(line)
    if not broken_off:
        for threshold in unread_thresholds(config):
            terminalreporter.line(f"FAIL: {threshold}")
