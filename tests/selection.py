"""The selection by ``-m``: an unknown marker is an error at once, and only folders that can match are read.

Each marker of the project has a folder of the same name under ``tests``. A test proves that all tests of the
marker are in it. So ``-m quality`` imports no other tests and does not need the packages that they need.
"""

import ast
from pathlib import Path

import pytest

__all__ = [
    "MARKERS",
    "can_match",
    "named",
    "pytest_ignore_collect",
    "pytest_report_header",
    "pytest_sessionstart",
]

HERE = Path(__file__).parent
MARKERS = ("quality", "faults", "claims", "end_to_end")
# A call is a marker with arguments, such as quality(some=1). pytest decides whether it matches.
_WORDS = (ast.Name, ast.Load, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not)
_ALLOWED = (*_WORDS, ast.Call, ast.keyword, ast.Constant)
MEASURED = ("model", "subject", "against")  # options that say what the benchmarks measure
# On two cores: 1 min 54 s (docs/benchmarks.md).
ALL_BENCHMARKS = "all benchmarks are measured: this takes a few minutes on two cores"
# The proof alone takes about an hour of one core: without -m it judges by all checks, on five seeds.
ALL_TESTS = (
    "without -m: the gate, all tests and the proof by faults are run: this takes more than half an hour; "
    "the gate alone takes half a minute: pytest -m quality"
)


@pytest.hookimpl(tryfirst=True)  # before pytest prints anything
def pytest_sessionstart(session: pytest.Session) -> None:
    """Refuse options that cannot work, before tests are collected."""
    refuse_unknown(session.config)
    refuse_parallel(session.config)


def pytest_report_header(config: pytest.Config) -> str | None:
    """Say what a whole run without -m does and about how long it takes, where that is minutes or more."""
    if named(config) or any(config.getoption(option, default=None) for option in ("keyword", "collectonly")):
        return None
    if config.getoption("benchmark_only", default=None):
        return None if any(config.getoption(one, default=None) for one in MEASURED) else ALL_BENCHMARKS
    return None if config.getoption("markexpr", default=None) else ALL_TESTS


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out each test folder that cannot match, unless the user named it."""
    return None if named(config) or can_match(config, collection_path) else True


def refuse_unknown(config: pytest.Config) -> None:
    """Refuse a marker that does not exist. Every plugin has registered its markers by now.

    Raises:
        UsageError: a marker does not exist, or the expression is not valid.

    """
    known = {line.partition(":")[0].partition("(")[0].strip() for line in config.getini("markers")}
    if unknown := sorted(_names(_parsed(config)) - known):
        raise pytest.UsageError(f"-m: no marker {unknown[0]!r}; the project's own are {', '.join(MARKERS)}")


def named(config: pytest.Config) -> bool:
    """Return whether the user named the path to collect."""
    return config.args_source is pytest.Config.ArgsSource.ARGS


def can_match(config: pytest.Config, path: Path) -> bool:
    """Return whether the expression can match tests of a folder. Only whole test folders are judged."""
    expression = _parsed(config)
    ours = all(isinstance(node, _WORDS) for node in ast.walk(expression)) and _names(expression) <= {*MARKERS}
    return _holds(expression, path.name) if ours and path.parent == HERE else True


def refuse_parallel(config: pytest.Config) -> None:
    """Refuse -n with what needs one process: the proof, and in a report the published claims.

    Raises:
        UsageError: they may be selected.

    """
    if not config.getoption("numprocesses", default=None):
        return
    for name in ("faults", "claims") if config.getoption("report") else ("faults",):
        folder = HERE / name
        asked = [Path(arg.partition("::")[0]).resolve() for arg in config.args] if named(config) else [HERE]
        selected = any(folder.is_relative_to(one) or one.is_relative_to(folder) for one in asked)
        if selected and can_match(config, folder):
            raise pytest.UsageError(
                f"-n: the tests in tests/{name} run in one process; add -m 'not {name}', or -m quality"
            )


def _parsed(config: pytest.Config) -> ast.expr:
    """Parse the expression. Python parses it as pytest does if the markers are valid Python names."""
    text = config.getoption("markexpr")
    try:
        found = ast.parse(text.strip() or "True", mode="eval").body
    except SyntaxError:
        found = ast.Tuple([])
    if not all(isinstance(node, _ALLOWED) for node in ast.walk(found)):
        raise pytest.UsageError(f"-m {text!r}: no expression of markers; combine them with and, or, not")
    return found


def _names(expression: ast.expr) -> set[str]:
    return {node.id for node in ast.walk(expression) if isinstance(node, ast.Name)}


def _holds(node: ast.expr, marker: str) -> bool:
    match node:
        case ast.Name():
            return node.id == marker
        case ast.UnaryOp():
            return not _holds(node.operand, marker)
        case ast.BoolOp():
            found = [_holds(one, marker) for one in node.values]
            return all(found) if isinstance(node.op, ast.And) else any(found)
    raise AssertionError(ast.dump(node))
