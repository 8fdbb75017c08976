"""Cross-size validation, by hand and beside the published ratios."""

import pytest

from embedding_gate import own_files
from embedding_gate.claims.published import read_published
from embedding_gate.claims.scaling import cross_size, scaling_table
from embedding_gate.errors import InputError
from embeddings.synthetic import config_of

CONFIGS = {size: config_of(f"synthetic:qwen3-embedding-{size.lower()}") for size in ("0.6B", "4B", "8B")}
PUBLISHED = read_published(own_files.FIXTURES / "published.toml")


def test_published_rates() -> None:
    """7.27 / 0.88 GFLOP a token and 13.9 / 7.27, whatever the order the rates come in."""
    first, second = cross_size({"8B": 10905, "0.6B": 44162, "4B": 18329}, CONFIGS, 0)
    assert (first.smaller, first.larger, second.larger) == ("0.6B", "4B", "8B")
    assert first.measured == pytest.approx(2.41, abs=0.005)
    assert first.predicted == pytest.approx(8.25, abs=0.005)
    assert first.mfu == pytest.approx(3.42, abs=0.005)
    assert second.measured == pytest.approx(1.68, abs=0.005)
    assert second.predicted == pytest.approx(1.91, abs=0.005)


def test_attention_is_counted_where_lengths_are_known() -> None:
    """Attention weighs more in the smaller model, so long texts bring the sizes together."""
    rates = {"0.6B": 2.0, "4B": 1.0}
    ratios = [cross_size(rates, CONFIGS, tokens)[0].predicted for tokens in (0, 128, 4096)]
    assert ratios == sorted(ratios, reverse=True)
    assert ratios[0] > ratios[2]


def test_table() -> None:
    lines = scaling_table(cross_size({"0.6B": 44162, "4B": 18329, "8B": 10905}, CONFIGS, 0), PUBLISHED)
    assert [line.split()[3:] for line in lines[1:]] == [
        ["2.41", "8.25", "2.4", "3.42"],
        ["1.68", "1.91", "1.7", "1.14"],
    ]
    by_names = {
        f"Qwen3-Embedding-{size}": rate for size, rate in (("0.6B", 44162), ("4B", 18329), ("8B", 10905))
    }
    named = {f"Qwen3-Embedding-{size}": config for size, config in CONFIGS.items()}
    assert scaling_table(cross_size(by_names, named, 0), PUBLISHED) == lines
    renamed = {"some-model": CONFIGS["0.6B"], "another-model": CONFIGS["4B"]}
    head, row = scaling_table(cross_size({"some-model": 2, "another-model": 1}, renamed, 0), PUBLISHED)
    assert row.split()[5] == "-"
    assert head.index("measured") + len("measured") == row.index("2") + 1
    assert scaling_table(cross_size({"4B": 1.0}, CONFIGS, 0), PUBLISHED) == []


@pytest.mark.parametrize("rates", [{"4B": 0.0}, {"4B": float("nan")}, {"7B": 1.0}])
def test_what_cannot_be_compared(rates: dict[str, float]) -> None:
    with pytest.raises(InputError, match="needs a rate above 0"):
        cross_size(rates, CONFIGS, 0)
