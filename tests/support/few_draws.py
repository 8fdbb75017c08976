"""Fewer bootstrap samples, for tests of what the samples say."""

import pytest

from embedding_gate.metrics.resampling import bootstrap

__all__ = ["few_draws"]


@pytest.fixture(autouse=True)
def few_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw 199 samples of the texts in place of 1,999.

    These tests ask for the sign and the rough width of a change. Each end of its interval is then the fifth
    of 199 sorted draws, which is enough for both.
    """
    monkeypatch.setattr(bootstrap, "DRAWS", 199)
