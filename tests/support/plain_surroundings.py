"""A fixture that gives the project's own tests the same environment everywhere, without user settings.

The conftest.py of each of their folders imports the fixture and the hook. These tests need packages that the
gate does not need. If a package is missing, one line says so.
"""

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

__all__ = ["plain_surroundings", "pytest_make_collect_report"]

# Hypothesis's own profile for this purpose: the same examples in each run, and no time limit.
settings.load_profile("ci")

_PREFIXES = ("GIT_", "GITHUB_", "HF_", "HUGGINGFACE_", "MAKE", "PYTEST_XDIST_", "XDG_", "LC_")
_NAMES = {
    *("CI", "COLUMNS", "LANG", "LANGUAGE", "LINES", "MFLAGS"),
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTHONWARNINGS"),
    *("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
}
# The tests run git in their own repositories and in this one, whoever owns it.
_GITCONFIG = "[safe]\n\tdirectory = *\n"


def is_a_setting(name: str) -> bool:
    """Return whether a variable changes a command's output or behaviour and is not itself under test."""
    return name.startswith(_PREFIXES) or name in _NAMES or name.lower().endswith("_proxy")


@pytest.fixture(scope="session", autouse=True)
def plain_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Remove all settings from the environment, set the language to English, and give git an empty home.

    A command that a shell starts in the background ignores Ctrl-C. So do all its child processes.
    The tests send Ctrl-C to the processes that they start.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    home = tmp_path_factory.mktemp("home")
    (home / ".gitconfig").write_text(_GITCONFIG, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        for name in filter(is_a_setting, list(os.environ)):
            patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("LC_ALL", "C.UTF-8")
        yield


OURS = {"benchmarks", "embedding_gate", "embeddings", "tests"}


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """End the run at the first test file that imports a missing package: others would fail the same way."""
    report = yield
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)  # present if the collector failed
    cause = call.excinfo.value.__cause__ if call and call.excinfo else None
    package = cause.name.partition(".")[0] if isinstance(cause, ModuleNotFoundError) and cause.name else ""
    if package and package not in OURS:
        line = f"{collector.nodeid}: needs {package}, which is not installed; run make dev"
        pytest.exit(line, returncode=pytest.ExitCode.USAGE_ERROR)
    return report
