"""The rate of encode beside the model's own: what the command prints, on a tiny model."""

import re
from pathlib import Path

import pytest

from benchmarks.micro.end_to_end import main
from tests.support import tiny


def test_it_prints_both_rates(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([f"--model={tiny.build(tmp_path / 'model', max_tokens=64)}", "--texts=4", "--rounds=1"])
    printed = capsys.readouterr().out
    assert "model, 4 texts, 1 interleaved rounds, medians" in printed
    assert re.search(r"the model's own rate +[\d,]+ tokens/s\nencode, end to end +[\d,]+ tokens/s", printed)
