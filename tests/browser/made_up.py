"""A record of a run that never was: two models, hostile texts, measurements of a device too fast to exist."""

import math
from typing import Any

import numpy as np

from embedding_gate.report.history import line_of
from embedding_gate.report.record import make_record
from embedding_gate.report.schema.record import Record

__all__ = ["CATEGORIES", "HOSTILE", "MODELS", "made_up"]

CATEGORIES = ("art", "emotions", "food", "nature", "science", "sports", "technology", "travel", "<u>odd</u>")
EACH = 10  # texts
MODELS = ("all-MiniLM-L6-v2", "<b>bold</b> & co")
# What HTML, JavaScript, JSON or plotly.js could take for its own.
HOSTILE = (
    "</script><script>document.title = 'broken out'</script>",
    "<b>bold</b> <a href='https://example.org/'>a link</a> <br> &lt; &#60; &amp;",
    "<img src=x onerror=\"document.title = 'broken out'\">",
    "%{x} %{z} $x^2$ ${document.title} \\u003c \u2028 <!-- <script>",
    "日本語のテキスト 🙂 שלום \u202e reversed",
)


def made_up() -> Record:
    """Return the record."""
    made = {
        "when": "2026-01-01T00:00:00Z",
        "version": "0.2.0",
        "revision": None,
        "changed": None,
        "python": "3.11.2",
        "mlx": "0.32.4",
        "device": "cpu",
        "machine": "made up",
        "cores": 2,
        "command": "pytest -m quality",
    }
    models = [_model(name, seed) for seed, name in enumerate(MODELS)]
    speed = [one for number, name in enumerate(MODELS) for one in _speeds(name, 1 + 3 * number)]
    parts = [{"models": models, "speed": speed, "kill_matrix": _kill_matrix(), "compared": _compared()}]
    record = make_record(made, parts, passed=True)
    record.history = [line_of(record), line_of(record)]
    return record


def _compared() -> list[dict[str, Any]]:
    """Return both models side by side."""

    def figure(value: float) -> dict[str, float]:
        return {"value": value, "low": value - 0.01, "high": value + 0.01}

    return [
        {
            "name": name,
            "bits": 32 / number,
            "megabytes": 90 / number,
            "speed": figure(1000 * number),
            "random": False,
            "cosine": figure(0.99),
            "ndcg": 0.76 / number,
            "ndcg_change": figure(-0.01),
            "spearman": 0.8,
            "spearman_change": figure(0),
            "kept": figure(0.9),
            "front": number == 1,
        }
        for number, name in enumerate(MODELS, start=1)
    ]


def _kill_matrix() -> dict[str, Any]:
    """Return two checks, and faults of every mark."""
    fault: dict[str, Any] = {
        "what": "",
        "where": "fwd",
        "source": "",
        "model": "m",
        "precision": None,
        "killers": [],
    }
    verdict = {
        "outcome": "killed",
        "usual_kind_red": False,
        "strongest": {"check": "parity", "benign_spreads": 9.0},
    }
    faults = [
        {**fault, **verdict, "name": name, "cause": "pooling", "benign": False, "marks": marks}
        for name, marks in (("mean", "x."), ("<b>first</b>", " x"), ("a race", "o."))
    ]
    return {"checks": ["parity", "<i>pairs</i>"], "gates": [], "faults": faults}


def _texts() -> list[dict[str, str]]:
    texts = [
        {
            "category": name,
            "text": f"Text {number} of {name}, and so many words more that its label has two lines.",
        }
        for name in CATEGORIES
        for number in range(EACH)
    ]
    for row, hostile in enumerate(HOSTILE):
        texts[row * EACH]["text"] = hostile
    return texts


def _model(name: str, seed: int) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    centres = np.repeat(generator.normal(size=(len(CATEGORIES), 16)), EACH, axis=0)
    vectors = centres + generator.normal(size=centres.shape)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = [0.1 + 0.04 * number for number in range(len(CATEGORIES))]
    return {
        "name": name,
        "asked_for": name,
        "part": None,
        "recipe": "declared",
        "precision": "float32",
        "dimension": 16,
        "verdicts": [],
        "looks_like": [],
        "notes": [],
        "threshold_lines": {},
        "quality": {
            **dict.fromkeys(
                ("norm_mean", "norm_deviation", "norm_worst", "cohesion", "inter", "separation"), 0.5
            ),
            "neighbour_accuracy": 0.7,
            "anisotropy": 0.1,
            "topic_auc": 0.8,
            "spearman": None,
            "ndcg": 0.76 - 0.1 * seed,
        },
        "categories": [
            {"name": one, "similarity": mean, "at_least": None if one == "food" else 0.12, "at_most": 0.36}
            for one, mean in zip(CATEGORIES, similar, strict=True)
        ],
        "texts": _texts(),
        "cosines": np.round(vectors @ vectors.T, 3).tolist(),
        "map": np.round(vectors[:, :3], 4).tolist(),
    }


def _speeds(model: str, slower: float) -> list[dict[str, Any]]:
    def one(kind: str, batch: int, length: int, seconds: list[float]) -> dict[str, Any]:
        median, tokens = sorted(seconds)[len(seconds) // 2], batch * length
        rate, flops, matmul = tokens / median, 5e6 * slower**1.3, 2e11
        return {
            "model": model,
            "precision": "float32",
            "dimension": 16,
            "kind": kind,
            "batch": batch,
            "length": length,
            "rounds": len(seconds),
            "median": median,
            "unit": "s",
            "tokens": tokens,
            "tokens_per_second": rate,
            "percentiles": [
                {"percent": 90, "seconds": sorted(seconds)[-len(seconds) // 10], "rounds": len(seconds)}
            ],
            "flops_per_token": flops,
            "mfu": rate * flops / matmul,
            "matmul": matmul,
            "device_peak": 5e11,
            "bound": matmul / flops,
            "first_over_median": 1.0,
            "cache_speedup": None,
            "uncached_median": None,
            "peak_bytes": None,
            "device_peak_bytes": None,
            "headline": (batch, length) == (32, 64),
            "audits_red": False,
            "samples": seconds,
        }

    spread = np.random.default_rng(1).gamma(2, 0.1, 65)
    found = [one("latency", 1, 16, [slower * 0.004 * (1 + float(late)) for late in spread])]
    for length in (16, 64, 256):
        for batch in (1, 8, 32, 128):
            seconds = slower * (
                0.003 + 0.0003 * (batch * length) * (1 + length / 2048) / math.log2(8 + length)
            )
            found.append(one("throughput", batch, length, [seconds] * 5))
    return found
