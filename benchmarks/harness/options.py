"""The options of a run of the measurements, and which of them it refuses before it starts."""

from pathlib import Path

import pytest

from benchmarks.harness import baseline
from embedding_gate.command_line import subject_of
from embeddings.catalog import DEFAULT_MODEL

__all__ = ["refuse_files", "refuse_options", "stored_runs"]

JUDGES = ("recorded", "topics", "sts", "retrieval", "thresholds", "projector", "calibrate")


def refuse_options(config: pytest.Config) -> None:
    """Refuse options that would silently run nothing or do nothing beside --benchmark-only.

    Raises:
        pytest.UsageError: there is such an option.

    """
    if config.getoption("numprocesses", default=None):
        raise pytest.UsageError("-n: processes beside each other change what is measured: leave out -n")
    clash = ["-m"] if config.getoption("markexpr") else []
    clash += ["--benchmark-skip"] if config.getoption("benchmark_skip") else []
    clash += ["--benchmark-disable"] if config.getoption("benchmark_disable") else []
    clash += [f"--{name}" for name in JUDGES if config.getoption(name)]
    timed_otherwise = str(config.getoption("benchmark_timer")) != "time.perf_counter"
    clash += ["--benchmark-timer"] if timed_otherwise else []  # CPU time does not count threads and GPUs
    clash += ["--baseline"] if config.getoption("baseline") != DEFAULT_MODEL else []
    for name in ("against", "benchmark_compare") if subject_of(config) else ():
        if config.getoption(name):
            option = f"--{name.replace('_', '-')}"
            raise pytest.UsageError(f"{option} is for the gate's own library: leave it out beside --subject")
    if clash:
        raise pytest.UsageError(f"--benchmark-only measures and does nothing else: leave out {clash[0]}")
    names = config.getoption("model")
    if len(set(names)) < len(names):
        raise pytest.UsageError(f"--model: the same model twice: {', '.join(names)}; name each once")


def refuse_files(config: pytest.Config) -> None:
    """Refuse files with which pytest-benchmark would stop with a traceback, some of them after the run.

    Raises:
        pytest.UsageError: there is such a file.

    """
    stored = config.getoption("benchmark_compare")
    if isinstance(stored, str) and len(Path(stored).parts) > 2 and not Path(stored).is_file():
        raise pytest.UsageError(f"--benchmark-compare={stored}: no such file; name one, or store a run")
    if isinstance(stored, str) and Path(stored).is_file() and (why := baseline.why_unreadable(Path(stored))):
        raise pytest.UsageError(f"{stored}: {why}; store a run again")
    written = config.getoption("benchmark_json")
    if written and (written.is_dir() or not written.absolute().parent.is_dir()):
        raise pytest.UsageError(
            f"--benchmark-json={written}: cannot be written; name a file in a folder that exists"
        )


def stored_runs(config: pytest.Config) -> list[tuple[Path, baseline.Document]]:
    """Read the stored runs of --benchmark-compare, before this run is stored and could be the last one.

    Raises:
        pytest.UsageError: there is none.

    """
    if not (asked := config.getoption("benchmark_compare")):
        return []
    load = config.pluginmanager.getplugin("pytest-benchmark").storage.load
    if stored := list(load())[-1:] if asked is True else list(load(asked)):
        return stored
    given = "" if asked is True else f"={asked}"
    raise pytest.UsageError(
        f"--benchmark-compare{given}: no stored run that can be read; store one by --benchmark-json=FILE"
    )
