"""A fault in the peaks, the shapes, the data or the evidence turns a claim red, and names it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from embedding_gate.claims.claims import idle_rules, judge_claims
from embedding_gate.claims.evidence import Evidence
from embedding_gate.claims.published import Figure, Published
from embedding_gate.claims.table import claims_table
from embedding_gate.errors import FixtureError

pytestmark = pytest.mark.claims
SMALL, MEDIUM, LARGE = (f"Qwen3-Embedding-{size}" for size in ("0.6B", "4B", "8B"))


def red(evidence: Evidence) -> list[str]:
    return [claim.subject for claim in judge_claims(evidence) if claim.red]


def with_figures(evidence: Evidence, change: Callable[[Figure], Figure]) -> Evidence:
    figures = tuple(change(figure) for figure in evidence.published.figures)
    return replace(evidence, published=replace(evidence.published, figures=figures))


def with_configs(evidence: Evidence, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Evidence:
    return replace(
        evidence, configs={model: change(dict(config)) for model, config in evidence.configs.items()}
    )


@pytest.mark.parametrize("chip", ["M1 Ultra", "M2 Max", "M3 Max", "M4 Pro", "M5", "M5 Max", "T4"])
def test_a_peak_ten_times_too_high(evidence: Evidence, chip: str) -> None:
    """An impossible rate becomes possible: of 0.6B on the older chips, of 4B on the M5 and the T4."""
    devices = [
        replace(one, peaks={name: 10 * peak for name, peak in one.peaks.items()}) if one.name == chip else one
        for one in evidence.devices
    ]
    rate = "4B" if chip in ("M5", "M5 Max", "T4") else "0.6B"
    assert f"{rate} throughput, tokens/s" in red(replace(evidence, devices=devices))


def test_half_the_flops(evidence: Evidence) -> None:
    half = with_configs(evidence, lambda one: {**one, "num_hidden_layers": one["num_hidden_layers"] // 2})
    assert "0.6B throughput, tokens/s" in red(half)


def test_another_packing(evidence: Evidence) -> None:
    whole = with_configs(
        evidence, lambda one: {**one, "quantization": {"bits": 4, "group_size": float("inf")}}
    )
    assert red(whole) == [BANDWIDTH]


RATE, BANDWIDTH = "throughput, tokens/s", "memory bandwidth saved by 4 bits against fp16, times"
MATCHES = '"Matches our single-text latency of 2.99ms (includes overhead)"'
RANGE = "throughput of MLX on Apple Silicon, tokens/s"


@pytest.mark.parametrize(
    ("model", "quantity", "factor", "seen"),
    [
        (SMALL, RATE, 0.5, "0.6B throughput, tokens/s"),
        (MEDIUM, RATE, 0.1, "throughput, 0.6B over 4B"),
        (LARGE, RATE, 0.4, '"11K tokens/sec still faster than many cloud APIs"'),
        (SMALL, "latency, ms", 0.1, "0.6B latency, ms"),
        (SMALL, "latency, ms", 0.4, MATCHES),
        (LARGE, "cache speedup", 10, '"45.78x speedup (higher due to more computation saved)"'),
        (LARGE, "dimension", 0.5, '"Best for applications requiring highest embedding dimensionality"'),
        (SMALL, "cohesion", 2, "0.6B cohesion"),
        (LARGE, "cohesion", 1.2, '"Category cohesion scores show increasing quality with model size"'),
        (MEDIUM, "lowest category similarity", 1.5, "4B category similarity: travel"),
        (MEDIUM, "cohesion", 0.5, '"The Medium model shows the best category cohesion"'),
        (SMALL, "batch size, texts", 2, "0.6B batch size, texts"),
        (SMALL, "tokens per text", 42.8 / 1380, "0.6B tokens per text"),
        (SMALL, "time per batch of 32, ms", 1000 / 31, "0.6B time per batch of 32, ms"),
        (SMALL, "time per text in a batch, ms", 3, MATCHES),
        (SMALL, "sentences per second", 3237 / 11000, "0.6B sentences per second"),
        ("", BANDWIDTH, 8 / 9, BANDWIDTH),
        ("", "parameters, 4B over 0.6B", 1.1, "parameters, 4B over 0.6B"),
        ("", RANGE, 0.4, RANGE),
    ],
)
def test_a_figure_altered(evidence: Evidence, model: str, quantity: str, factor: float, seen: str) -> None:
    def change(figure: Figure) -> Figure:
        if (figure.model, figure.quantity) != (model, quantity):
            return figure
        return replace(figure, low=figure.low * factor * 0.999, high=figure.high * factor * 1.001)

    assert seen in red(with_figures(evidence, change))


def test_a_claim_without_a_verdict_or_with_another(evidence: Evidence) -> None:
    """Each of them in turn: as many are red as there are claims."""
    published = evidence.published
    for verdict in ("", "reproduced", "refuted"):
        figures = tuple(replace(figure, verdict=verdict) for figure in published.figures)
        statements = tuple(replace(one, verdict=verdict) for one in published.statements)
        changed = replace(evidence, published=replace(published, figures=figures, statements=statements))
        right = sum(claim.expected == verdict for claim in judge_claims(evidence))
        assert len(red(changed)) == len(figures) + len(statements) - right


def test_a_verdict_for_other_devices(evidence: Evidence) -> None:
    changed = with_figures(evidence, lambda one: replace(one, possible_on=one.possible_on[1:]))
    assert "4B latency, ms" in red(changed)


def test_what_nobody_computes(evidence: Evidence) -> None:
    figures = with_figures(
        evidence, lambda one: replace(one, quantity=one.quantity.replace("sentences", "words"))
    )
    assert red(figures) == ["0.6B words per second"]
    assert "0.6B words per second" in red(
        with_figures(figures, lambda one: replace(one, verdict="not judged"))
    )
    statements = tuple(replace(one, check="") for one in evidence.published.statements)
    assert len(red(replace(evidence, published=replace(evidence.published, statements=statements)))) == 37
    table = claims_table(judge_claims(figures), evidence.devices)
    assert "1 NOT AS EXPECTED" in " ".join(table[:2])
    assert any("not judged FAIL" in line for line in table)
    assert any("FAIL: expected refuted" in line for line in table)


def test_a_statement_that_is_gone(evidence: Evidence) -> None:
    """Its rule has no claim left."""
    for check in ("saved by size", "same latency", "grows with size", "exported"):
        left = tuple(one for one in evidence.published.statements if one.check != check)
        assert idle_rules(replace(evidence.published, statements=left)) == [check]
    assert "speeds" in idle_rules(Published("", {}, ()))


def test_a_figure_that_others_need_is_gone(evidence: Evidence) -> None:
    figures = tuple(one for one in evidence.published.figures if one.quantity != "latency, ms")
    with pytest.raises(FixtureError, match=r"no latency, ms of .*; restore it"):
        red(replace(evidence, published=replace(evidence.published, figures=figures)))
    with pytest.raises(FixtureError, match="no such model"):
        red(replace(evidence, configs={}))


def test_other_evidence(evidence: Evidence) -> None:
    """The published texts at hand, sentences of four tokens, a source that says something else."""
    assert "0.6B mean norm" in red(replace(evidence, texts=evidence.published.texts))
    assert red(replace(evidence, sentence_tokens=4.0)) == ["0.6B sentences per second"]
    others = {source: text.replace("Distilled", "Dynamic") for source, text in evidence.documents.items()}
    assert red(replace(evidence, documents=others)) == ['"through dynamic weight quantization"']
    assert red(replace(evidence, documents={})) == ['"through dynamic weight quantization"']
    assert red(replace(evidence, measured={})) == [
        '"Successfully exported embeddings in TensorFlow Projector format"'
    ]


def test_a_measurement_goes_before_a_shrug(evidence: Evidence) -> None:
    for value, outcome in ((12.66, "reproduced"), (3.0, "refuted")):
        measured = {**evidence.measured, (SMALL, "cache speedup"): value}
        found = {claim.subject: claim for claim in judge_claims(replace(evidence, measured=measured))}
        assert found["0.6B cache speedup"].finding.outcome == outcome
        assert found["0.6B cache speedup"].red


def test_the_table_fits(evidence: Evidence) -> None:
    lines = claims_table(judge_claims(evidence), evidence.devices)
    assert max(map(len, lines)) <= 120
