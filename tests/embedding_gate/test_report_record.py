"""The record of a run: as its schema says, plain data, and nothing in it that was not measured."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from embedding_gate.errors import InputError
from embedding_gate.report.collect import threshold_lines
from embedding_gate.report.record import (
    as_json,
    merged,
    parsed,
    plain,
)
from embedding_gate.report.vectors import measured_of, principal_components, shown_rows
from embedding_gate.verdicts.threshold_file import Fixtures, read_thresholds
from embedding_gate.verdicts.thresholds import Threshold
from tests.support.records import (
    TOPICS,
    a_full_record,
    a_model,
    a_record,
    a_speed,
    as_data,
    errors,
)


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
