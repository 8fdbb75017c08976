"""The project's own tests need packages that the gate does not: where one is missing, one line says so."""

from collections.abc import Generator

import pytest

OURS = {"benchmarks", "embeddings", "tests"}


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
