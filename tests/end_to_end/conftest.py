"""Whole runs: they have a marker of their own, and plain surroundings."""

from pathlib import Path

import pytest

from tests.support.plain_surroundings import plain_surroundings, pytest_make_collect_report
from tests.support.toy_gate import make_toy

__all__ = ["plain_surroundings", "pytest_itemcollected", "pytest_make_collect_report"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test of this folder."""
    item.add_marker(pytest.mark.end_to_end)


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """Return the root of a repository with a very small gate."""
    return make_toy(tmp_path / "toy")
