"""Trees that break the rules of a comparison: each is a fault, and it is named."""

from typing import Any

import pytest

from benchmarks.against.rounds import BENCHMARKS
from embedding_gate.serving import pack
from tests.support.fake_trees import SHORT, Fake, run


class Cached(Fake):
    """It keeps what it has computed, and takes half as long for it."""

    known: tuple[str, ...] = ()

    def cost(self) -> float:
        """Take less for the texts of the last turn."""
        texts = tuple(text for batch in self.held for text in batch)
        before, self.known = self.known, texts
        return super().cost() * (0.5 if texts == before else 1.0)


class CutOff(Fake):
    """It works on half of the tokens."""

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Tell so."""
        return {"tokens": self.count(texts) // 2, "bits": 32}


class Miscounted(Fake):
    """It takes texts for shorter than they are."""

    def hold(self, batches: list[list[str]], *, times: int, cached: bool) -> dict[str, Any]:
        """Count half of the tokens."""
        return {"tokens": super().hold(batches, times=times, cached=cached)["tokens"] // 2}


class Halved(Fake):
    """It computes in half precision."""

    def spy(self, texts: list[str]) -> dict[str, Any]:
        """Tell so."""
        return super().spy(texts) | {"bits": 16}


class Stale(Fake):
    """Its timed vectors are of other texts."""

    def look(self, call: int) -> dict[str, Any]:  # noqa: ARG002
        """Return the same again and again."""
        return pack(self.encode([f"{'x' * n}" for n in range(1, 1 + len(self.held[0]))]))


class TooFew(Fake):
    """It leaves a text out."""

    def look(self, call: int) -> dict[str, Any]:
        """Return one vector less."""
        return pack(self.encode(self.held[call][1:]))


class NotUnit(Fake):
    """Its vectors are all zero."""

    def look(self, call: int) -> dict[str, Any]:
        """Return zeros."""
        return pack(0 * self.encode(self.held[call]))


class NoFloats(Fake):
    """It returns no vectors."""

    def look(self, call: int) -> dict[str, Any]:  # noqa: ARG002
        """Return None, as NumPy takes it."""
        return pack(None)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Cached, "ours: repeated texts: 2.00 times as fast as new ones"),
        (CutOff, "ours: real tokens: 16 in place of 32; the trees do other work"),
        (Miscounted, "ours: real tokens: 16 in place of 32; the trees do other work"),
        (Halved, "ours: precision: 16 bits, not 32: not comparable"),
        (Stale, "ours: untimed vectors: stray by "),
        (TooFew, "ours: encode: gave float32 (3, 3); float32 (4, 3)"),
        (NotUnit, "ours: encode: a vector has length 0"),
        (NoFloats, "ours: encode: gave object []"),
    ],
)
def test_a_tree_that_breaks_the_rules(kind: type[Fake], words: str) -> None:
    _, found = run(kind, benchmarks=[SHORT], call=0.032)
    faults = found["short"].faults
    assert len(faults) == 1
    assert faults[0].startswith(words)


def test_what_is_cached_on_purpose_is_no_fault() -> None:
    _, found = run(Cached)
    assert {name: bool(one.faults) for name, one in found.items()} == {
        "short": True,
        "one": True,
        "cached": False,
    }


def test_no_text_is_longer_than_a_tree_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Fake, "max_tokens", 12)
    arms, found = run(benchmarks=BENCHMARKS)
    assert all(len(text.split()) == 12 for texts in arms[1].seen for text in texts)
    assert not any(one.faults for one in found.values())
