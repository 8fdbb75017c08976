"""What travels between the processes of -n, and what the first of them makes of it."""

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from embedding_gate import xdist
from embedding_gate.found import Found, Part, packed, unpacked
from embedding_gate.own_files import OWN
from embedding_gate.state import Run
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.thresholds import Threshold
from embedding_gate.xdist import First

GOING_ON = SimpleNamespace(shouldfail=False)


def found(model: str) -> Found:
    """Return what a run found of a model: a red verdict, one without a margin, one that was not judged."""
    thresholds = {
        "norm": Threshold("norm", "any", 1e-7, "measured", at_most=2e-6, line=7),
        "cohesion": Threshold("cohesion", model, 0.2, "measured", 0.1, 0.3, "ab", band=(0.1, 0.2), own=True),
    }
    gate = Gate(model, thresholds, {"norm", "token ids"})
    with gate.claim("test_norm"), pytest.raises(CheckFailed):
        gate.require(math.nan, evidence="NaN in a vector")
    with gate.claim("test_cohesion"):
        gate.require(float(np.float32(0.2)))
    with gate.claim("test_spread"):
        gate.require_calibrated({"a part": np.float64(math.inf)}, fixture="cd")
    return Found(
        gate,
        f"folder/{model}",
        frozenset({"tokens"}),
        ["  a note"],
        ["asked of it"],
        {"map": [np.ones(3)], "texts": np.int64(3), "quality": None, "cohesion": math.nan},
        [{"measured": np.float32(0.5)}],
    )


def test_what_was_found_arrives_as_it_was() -> None:
    """Numbers that are not finite, too: they decide whether a verdict is red."""
    sent = found("m")
    part = unpacked(packed(Part({"m": sent}, partial=True)))
    got = part.found["m"]
    assert part.partial
    assert (got.gate.model, got.gate.thresholds, got.gate.required) == (
        "m",
        sent.gate.thresholds,
        sent.gate.required,
    )
    assert [repr(one) for one in got.gate.verdicts] == [
        repr(one).replace("np.float64(inf)", "inf") for one in sent.gate.verdicts
    ]
    assert [one.check for one in got.gate.red] == ["norm"]
    assert (got.asked_for, got.offers, got.notes, got.calls) == (
        "folder/m",
        frozenset({"tokens"}),
        ["  a note"],
        ["asked of it"],
    )
    assert got.record is not None
    assert math.isnan(got.record.pop("cohesion"))
    assert got.record == {"map": [[1.0, 1.0, 1.0]], "texts": 3, "quality": None}
    assert got.published == [{"measured": 0.5}]


def first(names: list[str], *parts: dict[str, Found] | None) -> First:
    """Return the first process, and beside it others that found these; None: it died."""
    run = Run(OWN)
    run.name(names, recorded=False)
    made = First(run)
    for one in parts:
        output = {} if one is None else {xdist.KEY: packed(Part(one, partial=False))}
        made.pytest_configure_node(SimpleNamespace(workerinput={}, workeroutput=output))
    made.pytest_xdist_node_collection_finished([f"tests/test_gate.py::test_norm[{name}]" for name in names])
    return made


def gathered(names: list[str], *parts: dict[str, Found] | None, session: Any = GOING_ON) -> Run:
    """Return the run that the first process ends."""
    made = first(names, *parts)
    made.gather(session)
    return made.run


def test_models_are_in_the_order_of_the_command() -> None:
    run = gathered(["b", "a", "c"], {"c": found("c")}, {"a": found("a"), "b": found("b")})
    assert [*run.found] == ["b", "a", "c"]
    assert run.red
    assert run.lost == []


def test_a_process_that_died_is_told_with_its_model() -> None:
    run = gathered(["a", "b"], {"a": found("a")}, None)
    line = "b was not judged: a process of -n died; run it again, or without -n"
    assert run.lost == [line]
    assert line in run.missing()


def test_a_process_that_x_stopped_did_not_die() -> None:
    stopped = SimpleNamespace(shouldfail="stopping after 1 failures")
    assert gathered(["a", "b"], {"a": found("a")}, None, session=stopped).lost == []


def test_a_model_that_was_not_selected_is_not_missing() -> None:
    """As with -k, or in a run of other tests."""
    made = first([], None)
    made.run.names = ["a"]
    made.pytest_xdist_node_collection_finished(["tests/test_other.py::test_of_mine[a]"])
    made.gather(GOING_ON)  # type: ignore[arg-type]
    assert made.run.lost == []


def test_the_checks_of_a_model_in_two_processes_are_no_verdict() -> None:
    run = gathered(["a"], {"a": found("a")}, {"a": found("a")})
    assert run.found == {}
    assert run.lost == ["the checks of a ran in 2 processes: leave out -n"]


NAMES = ["a", "a/b-c", "a [1] b", "a::b", "é", "a\\b", "a\nb"]


@pytest.mark.parametrize("name", NAMES)
def test_the_model_of_a_test_is_told_by_its_id(name: str, request: pytest.FixtureRequest) -> None:
    """The id of this test is as pytest writes it."""
    made = first(NAMES)
    assert made.model_of(request.node.nodeid) == name
    assert made.model_of("tests/test_other.py::test_of_mine[x]") == ""
    assert made.model_of("tests/test_other.py::test_of_mine") == ""
