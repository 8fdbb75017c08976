"""The record of a run: as its schema says, plain data, and nothing in it that was not measured."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest

from benchmarks.against.comparison import Comparison, Row
from benchmarks.against.paired import Ratio
from benchmarks.against.vectors import Moved, VectorChange
from embedding_gate.data.labelled import OUTLIER, Topics
from embedding_gate.errors import InputError
from embedding_gate.report import collect
from embedding_gate.report.collect import threshold_lines
from embedding_gate.report.record import (
    as_json,
    make_record,
    merged,
    model_as_data,
    parsed,
    plain,
    red_reasons,
)
from embedding_gate.report.schema.record import Record, json_schema
from embedding_gate.report.vectors import measured_of, principal_components, shown_rows
from embedding_gate.verdicts.gate import Gate
from embedding_gate.verdicts.threshold_file import Fixtures, read_thresholds
from embedding_gate.verdicts.thresholds import Threshold, Verdict

MADE = {
    "when": "2026-01-01T00:00:00Z",
    "version": "0.1.0",
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
    """Make a gate that is red by a NaN."""
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
    found = np.random.default_rng(0).normal(size=(5, 8)).astype(np.float32) if vectors is None else vectors
    return model_as_data(
        a_gate(),
        measured_of(found, TOPICS),
        asked_for="m",
        recipe="declared",
        precision="float32",
        looks_like=["  looks like: first-token pooling (pooling)"],
        notes=["  a note", ""],
        threshold_lines={"parity": "fixtures/thresholds.toml:1"},
        part=None,
    )


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
    """Make a record of some parts."""
    return make_record({**MADE, **made}, parts, passed=passed)


def a_comparison() -> dict[str, Any]:
    """Make the comparison with another revision, of which one row could not be measured."""
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
    """Make a record that has something in every section."""
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
    """Return what report.json holds."""
    return json.loads(as_json(record))


def errors(record: Any) -> list[str]:
    """Return what the JSON Schema says against the content of a report.json."""
    schema = json_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    found = jsonschema.Draft202012Validator(schema).iter_errors(record)
    return [f"{error.json_path}: {error.message}" for error in found]


def test_a_record_is_as_its_schema_says() -> None:
    for record in (a_full_record(), a_record()):
        assert errors(as_data(record)) == []
        assert parsed("report.json", as_json(record)) == record


def test_what_is_not_finite_is_null_and_still_red() -> None:
    nan, exact = (a_model()["verdicts"][row] for row in (1, 2))
    assert plain(nan)["measured"] is None
    assert nan["red"] is True
    assert plain(exact)["margin"] is None


def test_plain_data_is_what_json_holds() -> None:
    found = plain({"a": np.float32(0.5), "b": (np.int64(2), math.inf), "c": np.ones(2), "d": "\ud800x"})
    assert found == {"a": 0.5, "b": [2, None], "c": [1.0, 1.0], "d": "?x"}


def test_vectors_that_are_not_finite_have_no_map_and_still_a_record() -> None:
    vectors = np.full((5, 8), np.nan, np.float32)
    vectors[0] = np.inf
    record = a_record({"models": [a_model(vectors)]})
    assert errors(as_data(record)) == []
    [model] = record.models
    assert model.map == []
    assert model.quality is not None
    assert model.quality.cohesion is None


def test_figures_are_those_of_the_gate() -> None:
    """Spearman is the pairs' verdict; a category has its threshold beside it, where there is one."""
    model = plain(a_model())
    assert model["quality"]["spearman"] == 0.7
    assert model["quality"]["ndcg"] is None
    assert [(one["name"], one["at_least"], one["at_most"]) for one in model["categories"]] == [
        ("a", 0.25, None),
        ("b", None, None),
    ]


def test_texts_and_cosines_stand_category_by_category() -> None:
    vectors = np.eye(5, dtype=np.float32)
    vectors[2] = vectors[0]
    found = measured_of(vectors, TOPICS)
    assert [one["text"] for one in found["texts"]] == ["one", "three", "two", "four", "</script><b>five"]
    assert np.array_equal(found["cosines"], np.eye(5) + np.diag([1, 0, 0, 0], 1) + np.diag([1, 0, 0, 0], -1))


def test_of_many_texts_some_of_each_category_are_shown() -> None:
    categories = ["a"] * 600 + ["b"] * 300
    rows = shown_rows(categories)
    assert len(rows) == len(set(rows)) == 200
    assert [categories[row] for row in rows].count("b") in (66, 67)


def test_the_map_keeps_the_distances_that_three_dimensions_can() -> None:
    """Vectors that differ in two directions lie in the map as they do among themselves (to 4 decimals)."""
    angles = np.linspace(0, 1, 6)
    vectors = np.stack([np.cos(angles), np.sin(angles), *np.zeros((6, 6))], axis=1).astype(np.float32)
    places = np.array(principal_components(vectors))
    assert places.shape == (6, 3)
    apart, found = (np.linalg.norm(one[:, None] - one[None], axis=2) for one in (vectors, places))
    assert np.abs(apart - found).max() < 2e-4  # measured 6.1e-5: each coordinate is rounded to 1e-4
    for found in (places, np.array(principal_components(-vectors))):
        assert (np.abs(found).max(axis=0) == found.max(axis=0)).all(), "a run draws it as another one does"


def test_a_threshold_is_found_on_its_line(tmp_path: Path) -> None:
    """Of two thresholds of one check it is that of the model; what is no threshold of a file has no line."""
    threshold = 'measured = 0.5\nat_most = 1\nsource = "[[threshold]]"\n'
    file = tmp_path / "thresholds.toml"
    file.write_text(
        f'version = 2\n# [[threshold]]\n\n[[threshold]]\ncheck = "norm"\nmodel = "any"\n{threshold}'
        f'  [[threshold]]\ncheck = ["norm", "long tail"]\nmodel = "m"\n{threshold}',
        encoding="utf-8",
    )
    thresholds = read_thresholds(file, model="m", fixtures=Fixtures(set()))
    thresholds["made up"] = Threshold("made up", "m", 0.5, "")
    assert threshold_lines(thresholds, file, None, tmp_path) == {
        "norm": "thresholds.toml:10",
        "long tail": "thresholds.toml:10",
    }
    assert threshold_lines({"norm": replace(thresholds["norm"], own=True)}, file, None, tmp_path) == {}
    assert threshold_lines({"norm": replace(thresholds["norm"], own=True)}, file, file, tmp_path.parent)


def test_a_run_that_fails_says_why_whatever_failed() -> None:
    assert a_record(passed=False).reasons == ["a test failed: see the log of the run"]
    assert a_full_record().reasons == [
        "m: parity: measured nan, required <= 2e-06: FAIL; worst: </td><b>word-01"
    ]


def test_runs_are_put_together_and_red_where_one_is() -> None:
    one, other = a_full_record(), a_record({"speed": [a_speed()]}, command="pytest --benchmark-only")
    record = merged([one, other])
    assert errors(as_data(record)) == []
    assert record.verdict == "fail"
    assert record.reasons == one.reasons
    assert record.speed == one.speed, "the same measurement once"
    assert record.made.command == "pytest -m quality; pytest --benchmark-only"


@pytest.mark.parametrize("made", [{"revision": "1" * 40}, {"machine": "another chip"}, {"changed": True}])
def test_runs_of_other_trees_and_machines_are_not_put_together(made: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=f"reports: {next(iter(made))} differs"):
        merged([a_record(), a_record(**made)])
