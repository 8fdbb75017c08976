"""Says what the gate judges: anything that embeds a list of texts."""

import pytest
from my_package import embed

pytest_plugins = ["embedding_gate.plugin"]


@pytest.fixture(scope="session")
def embedder() -> object:
    return embed
