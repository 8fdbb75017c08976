"""The options of the proof; pytest must know them before it looks into this folder."""

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
    group.addoption("--kill-matrix", type=Path, metavar="FILE", help="write the kill matrix as JSON")
