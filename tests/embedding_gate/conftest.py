"""These tests run in plain surroundings."""

from tests.support.plain_surroundings import plain_surroundings, pytest_make_collect_report

__all__ = ["plain_surroundings", "pytest_make_collect_report"]
