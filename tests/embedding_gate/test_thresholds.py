"""The semantic thresholds are what the goldens give, and nothing that somebody would have liked better."""

import tomllib

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.metrics.resampling import band
from embeddings.catalog import DEFAULT_MODEL
from tests.reference.thresholds import all_thresholds


def test_thresholds_come_from_the_goldens() -> None:
    """Every threshold with a band, computed again: the value, the band, and the ends that bind."""
    entries = tomllib.loads((own_files.FIXTURES / "thresholds.toml").read_text("utf-8"))["threshold"]
    stored = {(entry["check"], entry["fixture"]): entry for entry in entries if "band" in entry}
    for check, measured, draws, more_is_better, fixture in all_thresholds(DEFAULT_MODEL):
        entry = stored.pop((check, fixture))
        assert entry["measured"] == pytest.approx(measured, rel=1e-5), check
        assert entry["band"] == pytest.approx(band(draws[np.isfinite(draws)]), rel=1e-3), check
        assert entry["at_least"] == entry["band"][0]
        assert entry.get("at_most") == (None if more_is_better else entry["band"][1])
    assert not stored
