"""Records of runs, written by hand. The tests of the report and its page use them."""

import json
import math
from copy import deepcopy
from functools import cache
from typing import Any

import jsonschema
import numpy as np

from benchmarks.against.comparison import Comparison, Row
from benchmarks.against.paired import Ratio
from embedding_gate.data.labelled import OUTLIER, Topics
from embedding_gate.metrics.paired import Moved
from embedding_gate.metrics.vector_change import VectorChange
from embedding_gate.report import collect
from embedding_gate.report.record import as_json, make_record, model_as_data, plain, red_reasons
from embedding_gate.report.schema.record import Record, json_schema
from embedding_gate.report.vectors import measured_of
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.thresholds import Threshold, Verdict

MADE = {
    "when": "2026-01-01T00:00:00Z",
    "version": "0.2.0",
    "revision": "0" * 40,
    "changed": False,
    "python": "3.11.2",
    "mlx": "0.32.4",
    "device": "cpu",
    "machine": "a chip",
    "cores": 2,
    "command": "pytest -m quality",
}
CATEGORIES = ("a", "b", "a", "b", OUTLIER)
TOPICS = Topics(tuple("12345"), CATEGORIES, ("one", "two", "three", "four", "</script><b>five"), "0" * 64)


def a_gate() -> Gate:
    """Make a gate that is red because of a NaN."""
    gate = Gate("m", {"category similarity: a": Threshold("category similarity: a", "m", 0.5, "", 0.25)})
    gate.verdicts = [
        Verdict("cohesion", 0.5, ">= 0.25", 2.0, "pass"),
        Verdict("parity", math.nan, "<= 2e-06", 0.0, "FAIL", "worst: </td><b>word-01"),
        Verdict("cached", 0, "<= 0", math.inf, "pass"),
        Verdict("pairs", 0.7, "-", math.nan, "not calibrated"),
    ]
    return gate


def a_model(vectors: Any = None) -> dict[str, Any]:
    """Make the record of a model."""
    return model_as_data(
        a_gate(),
        deepcopy(_measured()) if vectors is None else measured_of(vectors, TOPICS),
        asked_for="m",
        recipe="declared",
        precision="float32",
        looks_like=["  looks like: first-token pooling (pooling)"],
        notes=["  a note", ""],
        threshold_lines={"parity": "fixtures/thresholds.toml:1"},
        part=None,
    )


@cache
def _measured() -> dict[str, Any]:
    return measured_of(np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32), TOPICS)


def a_speed(**changes: Any) -> dict[str, Any]:
    """Make a benchmark's record: a headline throughput of 32 texts of 64 tokens in half a second."""
    return {
        "model": "m",
        "precision": "float32",
        "dimension": 8,
        "kind": "throughput",
        "batch": 32,
        "length": 64,
        "rounds": 3,
        "median": 0.5,
        "unit": "s",
        "tokens": 2048,
        "tokens_per_second": 4096.0,
        "percentiles": [{"percent": 90, "seconds": 0.6, "rounds": 64}],
        "flops_per_token": 1e6,
        "mfu": 0.25,
        "matmul": 1.6384e10,
        "device_peak": None,
        "bound": 16384.0,
        "first_over_median": 1.0,
        "cache_speedup": None,
        "uncached_median": None,
        "peak_bytes": None,
        "device_peak_bytes": None,
        "headline": True,
        "audits_red": False,
        "samples": [0.5, 0.4, 0.6],
        **changes,
    }


def a_record(*parts: dict[str, Any], passed: bool = True, **made: Any) -> Record:
    """Make a record from some parts."""
    return make_record({**MADE, **made}, parts, passed=passed)


def a_comparison() -> dict[str, Any]:
    """Make the comparison with another revision. One of its rows could not be measured."""
    far, near = Ratio(1.2, 1.18, 1.23), Ratio(1, 0.99, 1.01)
    slow = Row("one text", "one text", far, near, 0.1, "FAIL", confirmed=True, evidence="slower")
    broken = Row("cached", "1,000 texts", None, None, 0.1, "ERROR", evidence="no round was timed")
    moved = (Moved("pairs", 0.8, 0.7, -0.12, -0.08),)
    vectors = VectorChange(
        identical=False, texts=9, least_cosine=0.999, worst="topics 1", moved=moved, neighbours_changed=3
    )
    return Comparison("main", "1" * 40, "m", 20, (slow, broken), vectors, ("a note",)).as_data()


JUDGE = {
    "base": "2" * 40,
    "changed": ["fixtures/thresholds.toml"],
    "moved": ["parity: 3e-06 -> 3"],
    "digest": "3" * 64,
    "approved": False,
    "base_verdict": "fail",
    "head_verdict": "pass",
}


def a_full_record() -> Record:
    """Make a record with content in every section."""
    fault = {
        "name": "first-token pooling",
        "cause": "pooling",
        "what": "the first token",
        "where": "model",
        "source": "",
        "model": "m",
        "precision": None,
        "benign": False,
        "killers": ["parity"],
        "marks": "x",
        "outcome": "killed",
        "usual_kind_red": False,
        "strongest": {"check": "parity", "benign_spreads": 7.5},
    }
    worth = {"name": "all checks", "kills": 1, "faults": 1, "alarms": 0, "variants": 0}
    return a_record(
        {
            "models": [a_model()],
            "reasons": red_reasons(a_gate(), "m"),
            "speed": [a_speed(), a_speed(kind="latency", batch=1, headline=False, median=0.02)],
            "audits": {"m": [plain(vars(Verdict("roofline", 0.5, "<= 1", 2.0, "pass"))) | {"red": False}]},
            "steps": [{"smaller": "s", "larger": "l", "measured": 4.0, "predicted": 8.0, "published": "2.4"}],
            "peers": collect.peers(),
            "published": collect.published_elsewhere(),
            "against": a_comparison(),
            "judge": JUDGE,
            "kill_matrix": {
                "checks": ["parity"],
                "gates": [{**worth, "alone": [], "alone_without_goldens": []}],
                "faults": [fault],
            },
            "claims": [
                {
                    "section": "Performance Summary",
                    "subject": "0.6B throughput",
                    "published": "44162",
                    "outcome": "possible",
                    "arithmetic": "44162 x 0.88 GFLOP",
                    "devices": ["Apple M5"],
                    "expected": "possible",
                    "red": False,
                }
            ],
        },
        passed=False,
    )


def as_data(record: Record) -> Any:
    """Return the content of report.json."""
    return json.loads(as_json(record))


def errors(record: Any) -> list[str]:
    """Return the errors that the JSON Schema finds in the content of a report.json."""
    return [f"{error.json_path}: {error.message}" for error in _validator().iter_errors(record)]


@cache
def _validator() -> jsonschema.Draft202012Validator:
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)
