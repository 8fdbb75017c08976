"""Measurements beside a stored run of theirs."""

import copy
import math
from typing import Any

import pytest

from benchmarks.harness import baseline

RUN: dict[str, Any] = {
    "machine_info": {"device": "cpu", "chip": "a", "cores": 2, "tf32": "-", "mlx": "1", "blas": "x"},
    "benchmarks": [
        {
            "fullname": "t::one",
            "stats": {"median": 2.0},
            "extra_info": {"matmul": 1e9, "precision": "float32"},
        }
    ],
}


def test_ratios_by_hand() -> None:
    """Half as long on a machine that multiplies three times as fast: slower, if the machine were the same."""
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["stats"]["median"] = 1.0
    now["benchmarks"][0]["extra_info"]["matmul"] = 3e9
    now["machine_info"]["mlx"] = "2"
    lines, failures = baseline.compare(RUN, now, "stored")
    assert failures == []
    assert lines[1:] == ["  mlx: 1 -> 2", "   0.500x   1.500x  t::one"]


@pytest.mark.parametrize(("key", "value"), [("device", "gpu"), ("chip", "b"), ("cores", 4), ("tf32", "0")])
def test_another_machine_is_not_comparable(key: str, value: object) -> None:
    now = copy.deepcopy(RUN)
    now["machine_info"][key] = value
    lines, failures = baseline.compare(RUN, now, "stored")
    assert lines == []
    assert len(failures) == 1
    assert failures[0].startswith(f"stored: not comparable: {key} is {value!r}")


def test_another_precision_is_not_comparable() -> None:
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["extra_info"]["precision"] = "bfloat16"
    lines, failures = baseline.compare(RUN, now, "stored")
    assert lines == []
    assert failures == ["stored: not comparable: t::one is in bfloat16, it was in float32"]


def test_missing_and_new_benchmarks() -> None:
    now = copy.deepcopy(RUN)
    now["benchmarks"][0]["fullname"] = "t::two"
    assert baseline.compare(RUN, now, "stored")[1] == [
        "stored: t::one is in the baseline and not in this run",
        "stored: t::two is new: no baseline; store a run again",
    ]


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("stats", {}),
        ("stats", {"median": 0.0}),
        ("stats", {"median": math.inf}),
        ("extra_info", {}),
        ("extra_info", {"matmul": math.nan, "precision": "float32"}),
        ("fullname", None),
    ],
)
def test_malformed_documents(where: str, value: object) -> None:
    then = copy.deepcopy(RUN)
    then["benchmarks"][0][where] = value
    assert bool(baseline.why_malformed(then)) == (where != "fullname")
    del then["benchmarks"][0]["fullname"]
    assert baseline.why_malformed(then)
    assert baseline.why_malformed({**RUN, "machine_info": {}}) == (
        "machine_info lacks device, chip, cores, tf32, mlx, blas"
    )
