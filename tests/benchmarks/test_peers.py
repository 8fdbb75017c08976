"""The table of make peers, with engines that take a known time and memory."""

import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from benchmarks.peers import __main__ as peers
from embedding_gate.workers import Worker


class Fake(Worker):
    """An engine that takes a second for so many tokens, and whose memory grows by 1 MiB with each call."""

    def __init__(self, name: str, rate: int, mebibytes: int, *, off: float = 0.0, tokens: int = 1000) -> None:
        super().__init__(name, "none")
        self.rate, self.mebibytes, self.off, self.tokens = rate, mebibytes, off, tokens

    def versions(self) -> dict[str, str]:
        """Return a version."""
        return {"python": "3"}

    def ask(self, texts: Sequence[str]) -> dict[str, Any]:
        """Answer as peer_worker.py does."""
        self.mebibytes += 1
        return {
            "seconds": self.tokens / self.rate,
            "peak": self.mebibytes * 2**20,
            "tokens": self.tokens,
            "vectors": [[self.off, float(len(texts))]],
        }


OURS = ("ours", 2000, 100)


def shown(capsys: pytest.CaptureFixture[str], *engines: Fake) -> dict[str, list[str]]:
    """Compare in seven rounds, and return the columns of each engine."""
    peers.compare([Fake(*OURS), *engines], 8, rounds=7)
    lines = capsys.readouterr().out.splitlines()[2:]
    return {line.split()[0]: line.split() for line in lines if ":" not in line}


def test_each_engine_has_its_rate_its_peak_and_its_difference(capsys: pytest.CaptureFixture[str]) -> None:
    found = shown(capsys, Fake("other", 4000, 2000, off=2e-5))
    assert found["engine"][-3:] == ["peak", "MiB", "difference"]
    assert found["ours"] == ["ours", "2000", "1.00x", "1.00", "to", "1.00", "108", "0.0e+00"]
    assert found["other"] == ["other", "4000", "0.50x", "0.50", "to", "0.50", "2,008", "2.0e-05"]


@pytest.mark.parametrize("off", [2e-4, np.nan])
def test_other_vectors_are_other_work(off: float, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="not the same work: other"):
        shown(capsys, Fake("other", 4000, 1, off=off))


def test_other_tokens_are_other_work(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="other: 999 tokens, ours has 1000"):
        shown(capsys, Fake("other", 4000, 1, tokens=999))


def test_a_worker_says_its_peak_which_grows_with_the_batches() -> None:
    with peers.engine("ours", sys.executable, "ours") as running:
        few, many = (running.ask(texts) for texts in (["a text"], ["word " * 200] * 16))
    assert many["peak"] > few["peak"] + 2**22  # measured 40 MiB more
