"""The project's own tests run in the same surroundings everywhere: no setting of a user reaches them.

The conftest.py of each of their folders imports the fixture and the hook. These tests need packages that the
gate does not need. Where one is missing, one line says so.
"""

import os
import signal
from collections.abc import Generator, Iterator

import pytest
from hypothesis import settings

__all__ = ["plain_surroundings", "pytest_make_collect_report"]

# Hypothesis's own profile for this: the same examples in each run, and no limit of time.
settings.load_profile("ci")

_PREFIXES = ("GIT_", "GITHUB_", "HF_", "HUGGINGFACE_", "MAKE", "PYTEST_XDIST_", "XDG_", "LC_")
_NAMES = {
    *("CI", "COLUMNS", "LANG", "LANGUAGE", "LINES", "MFLAGS"),
    *("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "PYTHONWARNINGS"),
    *("PYTEST_ADDOPTS", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTEST_PLUGINS"),
}
# The tests run git in repositories of their own, and in this one, whoever owns it.
_GITCONFIG = "[safe]\n\tdirectory = *\n"


def is_a_setting(name: str) -> bool:
    """Tell whether a variable changes what a command says or does, and is no part of what is tested."""
    return name.startswith(_PREFIXES) or name in _NAMES or name.lower().endswith("_proxy")


@pytest.fixture(scope="session", autouse=True)
def plain_surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Take all settings out of the environment, speak English, and give git an empty home.

    A shell that starts a command in the background lets it ignore Ctrl-C, and all that the command starts.
    The tests send Ctrl-C to what they start.
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
    """End the run at the first test file that imports a missing package; others would say the same."""
    report = yield
    call: pytest.CallInfo[object] | None = getattr(report, "call", None)  # where the collector failed
    cause = call.excinfo.value.__cause__ if call and call.excinfo else None
    package = cause.name.partition(".")[0] if isinstance(cause, ModuleNotFoundError) and cause.name else ""
    if package and package not in OURS:
        line = f"{collector.nodeid}: needs {package}, which is not installed; run make dev"
        pytest.exit(line, returncode=pytest.ExitCode.USAGE_ERROR)
    return report
