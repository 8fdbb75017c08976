"""Whole runs: they have a marker of their own, and plain surroundings."""

import pytest

from tests.support.plain_surroundings import plain_surroundings, pytest_make_collect_report

__all__ = ["plain_surroundings", "pytest_itemcollected", "pytest_make_collect_report"]


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark each test of this folder."""
    item.add_marker(pytest.mark.end_to_end)
