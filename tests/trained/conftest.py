"""Nothing here runs unless it is named, as make trained does once it has fetched the weights."""

from pathlib import Path

import pytest

from tests.selection import named


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the tests of a run that names no path."""
    return None if named(config) or not collection_path.name.startswith("test_") else True
