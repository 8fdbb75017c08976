"""The options of the proof. pytest must know them before it collects this folder."""

from collections.abc import Collection
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("embedding-gate: the proof of its power (-m faults)")
    group.addoption(
        "--seeds",
        type=int,
        default=5,
        metavar="N",
        help="runs of each fault that draws random numbers (default: 5)",
    )
    group.addoption(
        "--without",
        action="append",
        default=[],
        metavar="CHECK",
        help='what would be killed without that check, or without "goldens"; repeatable',
    )
    group.addoption(
        "--named-only",
        action="store_true",
        help="judge a fault by the checks that are named for it, and by no other; no matrix is printed",
    )
    group.addoption("--kill-matrix", type=Path, metavar="FILE", help="write the kill matrix as JSON")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse options that the proof cannot follow, before any test is collected."""
    if config.getoption("seeds") < 1:
        raise pytest.UsageError("--seeds: must be at least 1")
    if config.getoption("named_only") and (config.getoption("kill_matrix") or config.getoption("without")):
        raise pytest.UsageError("--named-only prints no matrix: leave out --kill-matrix and --without")
    file = config.getoption("kill_matrix")
    if file and (file.is_dir() or not file.absolute().parent.is_dir()):
        raise pytest.UsageError(
            f"--kill-matrix={file}: cannot be written; name a file in a folder that exists"
        )
    if taken := config.getoption("without"):
        _refuse_unknown(taken)


def _refuse_unknown(taken: Collection[str]) -> None:
    from tests.faults.power import all_checks  # noqa: PLC0415  (the gate itself does not import the faults)

    known = {*all_checks(), "goldens"}
    if unknown := set(taken) - known:
        raise pytest.UsageError(f"--without: no check {min(unknown)!r}; there are {', '.join(sorted(known))}")
