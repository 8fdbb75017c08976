"""The judge judged: verdicts, margins, and what must never pass."""

import math
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.metrics.differences import (
    count_non_finite,
    differences,
    norm_error,
    relative_change,
    worst_rows,
)
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.table import gate_table
from embedding_gate.verdicts.thresholds import ANY_MODEL, Threshold


def threshold(
    check: str = "parity",
    *,
    at_least: float = -math.inf,
    at_most: float = math.inf,
    measured: float = 0.0,
    model: str = "m",
    fixture: str = "",
) -> Threshold:
    if math.isinf(at_least) and math.isinf(at_most):
        at_most = 2e-6
    return Threshold(check, model, measured, "a test", at_least, at_most, fixture)


def test_judge_does_not_import_mlx() -> None:
    """In a new process, importing every module of the judge leaves MLX and the tokenizers out."""
    code = (
        "import sys, pkgutil, importlib, embedding_gate.verdicts as judge\n"
        "for module in pkgutil.iter_modules(judge.__path__, judge.__name__ + '.'):\n"
        "    importlib.import_module(module.name)\n"
        "print([name for name in ('mlx', 'mlx.core', 'tokenizers') if name in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=own_files.ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("bounds", "measured", "outcome", "margin"),
    [
        ({"at_most": 2e-6}, 5e-7, "pass", 4.0),
        ({"at_most": 2e-6}, 2e-6, "pass", 1.0),
        ({"at_most": 2e-6}, 4e-6, "FAIL", 0.5),
        ({"at_most": 2e-6}, math.inf, "FAIL", 0.0),
        ({"at_most": 2e-6}, math.nan, "FAIL", 0.0),
        ({"at_most": 0}, 0, "pass", math.inf),
        ({"at_most": 0}, 1, "FAIL", 0.0),
        ({"at_least": 0.5}, 0.75, "pass", 1.5),
        ({"at_least": 0.5}, 0.25, "FAIL", 0.5),
        ({"at_least": 0.5}, -1.0, "FAIL", 0.0),
        ({"at_least": 0.5}, math.nan, "FAIL", 0.0),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, 0.7, "pass", 2.0),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, 0.6, "pass", math.inf),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, 0.55, "pass", 2.0),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, 1.0, "FAIL", 0.5),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, 0.4, "FAIL", 0.5),
        ({"at_least": 0.5, "at_most": 0.8, "measured": 0.6}, math.nan, "FAIL", 0.0),
    ],
)
def test_verdicts(bounds: dict[str, float], measured: float, outcome: str, margin: float) -> None:
    verdict = threshold(**bounds).judge(measured)  # type: ignore[arg-type]
    assert str(verdict.outcome) == outcome
    assert verdict.margin == pytest.approx(margin)
    assert verdict.red == (outcome != "pass")


def test_metrics_by_hand() -> None:
    vectors = np.array([[3.0, 4.0], [0.6, 0.8], [np.nan, 0.0]])
    np.testing.assert_allclose(norm_error(vectors)[:2], [4.0, 0.0], atol=1e-12)
    assert math.isnan(norm_error(vectors).max())
    assert count_non_finite(vectors) == 1
    np.testing.assert_array_equal(differences([np.array([1.0, 2.0])], [np.array([1.5, 2.0])]), [0.5])
    assert math.isnan(differences([np.array([np.nan])], [np.array([np.nan])]).max())
    assert differences([np.zeros(2)], [np.zeros(3)]).max() == math.inf
    assert differences([], [np.zeros(3)]).max() == math.inf
    assert differences([], []).size == 0
    np.testing.assert_array_equal(worst_rows(np.array([1.0, 3.0, 3.0])), [False, True, True])
    np.testing.assert_array_equal(worst_rows(np.array([1.0, np.nan, 3.0])), [False, True, False])
    assert relative_change(np.array([3.0, -4.0]), np.array([3.0, -3.0])) == pytest.approx(1 / math.sqrt(12.5))


def test_a_claim_ends_in_one_verdict() -> None:
    gate = Gate("m", {"parity": threshold()})
    with gate.claim("test_parity[m]"):
        gate.require(1e-7)
    with pytest.raises(CheckFailed, match="required <= 2e-06: FAIL"), gate.claim("test_parity"):
        gate.require(1e-3, evidence="worst: word-01")
    with pytest.raises(ZeroDivisionError), gate.claim("test_parity"):
        _ = 1 / 0
    with pytest.raises(CheckFailed, match="asked for no verdict"), gate.claim("test_parity"):
        pass
    assert [verdict.outcome for verdict in gate.verdicts] == ["pass", "FAIL", "ERROR", "ERROR"]


def test_a_missing_threshold_fails() -> None:
    gate = Gate("m", {})
    with pytest.raises(CheckFailed, match="no threshold for m"), gate.claim("test_parity"):
        gate.require(0.0)
    with pytest.raises(CheckFailed, match="no threshold for m"), gate.claim("test_parity"):
        gate.bound()


def test_not_calibrated_passes_only_without_a_threshold_of_the_model() -> None:
    gate = Gate("m", {"parity": threshold(model=ANY_MODEL)})
    with gate.claim("test_parity"):
        gate.not_calibrated("no goldens")
    assert not gate.red
    gate = Gate("m", {"parity": threshold(model="m")})
    with pytest.raises(CheckFailed, match="no goldens"), gate.claim("test_parity"):
        gate.not_calibrated("no goldens")
    assert gate.red


def test_a_threshold_that_no_check_reads() -> None:
    gate = Gate(
        "m",
        {"parity": threshold(), "norm": threshold("norm"), "finite": threshold("finite", model=ANY_MODEL)},
    )
    with gate.claim("test_parity"):
        gate.require(0.0)
    assert gate.unread == ["finite", "norm"]


def test_table_is_worst_first() -> None:
    gate = Gate(
        "m", {"good": threshold("good"), "bad": threshold("bad"), "count": threshold("count", at_most=0)}
    )
    for name, measured in (("count", 0.0), ("good", 1e-7), ("bad", math.nan)):
        try:
            with gate.claim(f"test_{name}"):
                gate.require(measured, evidence="word-01")
        except CheckFailed:
            pass
    title, header, *rows = gate_table(gate, "m")
    assert title == "m: 1 of 3 checks red"
    assert header.split() == ["check", "measured", "required", "margin", "verdict"]
    assert [row.split()[0] for row in rows] == ["bad", "word-01", "good", "count"]
    assert rows[0].split() == ["bad", "nan", "<=", "2e-06", "0x", "FAIL"]


def test_a_threshold_of_ones_own_asks_for_no_others() -> None:
    """The gate's own calibration is whole or an error; a user may judge by one figure."""
    gate = Gate("m", {"topic auc": replace(threshold("topic auc", at_least=0.5, fixture="beef"), own=True)})
    with gate.claim("test_cohesion"):
        gate.require_calibrated(0.2, fixture="beef")
    assert gate.verdicts[0].outcome == "not calibrated"


def test_a_model_called_any() -> None:
    gate = Gate(ANY_MODEL, {"parity": threshold(model=ANY_MODEL)})
    with gate.claim("test_parity"):
        gate.not_calibrated("no goldens")
    assert not gate.red


def test_parts_and_missing_calibration() -> None:
    """Every part is judged before one fails; a model with one threshold on these texts must have them all."""
    own = {
        "similarity: a": threshold("similarity: a", at_least=0.5, fixture="beef"),
        "similarity: b": threshold("similarity: b", at_least=0.5, fixture="beef"),
    }
    gate = Gate("m", own)
    with pytest.raises(CheckFailed, match="similarity: a: measured"), gate.claim("test_similarity"):
        gate.require_calibrated({"a": 0.1, "b": 0.9}, fixture="beef")
    assert [verdict.outcome for verdict in gate.verdicts] == ["FAIL", "pass"]
    assert not gate.unread
    with pytest.raises(CheckFailed, match="no threshold for m"), gate.claim("test_cohesion"):
        gate.require_calibrated(0.2, fixture="beef")
    with gate.claim("test_cohesion"):
        gate.require_calibrated(0.2, fixture="other texts")
    assert str(gate.verdicts[-1].outcome) == "not calibrated"
    assert gate.verdicts[-1].measured == 0.2
    gate = Gate("m", own)
    with gate.claim("test_similarity"):
        gate.require_calibrated({"a": 0.9}, fixture="beef")
    assert gate.unread == ["similarity: b"]
