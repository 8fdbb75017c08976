"""The judge judged: verdicts, thresholds, and what must never pass."""

import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from embedding_gate import own_files
from embedding_gate.data.goldens import Texts, read_golden, read_texts
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.differences import (
    count_non_finite,
    differences,
    norm_error,
    relative_change,
    worst_rows,
)
from embedding_gate.verdicts.gate import CheckFailed, Gate
from embedding_gate.verdicts.table import gate_table
from embedding_gate.verdicts.threshold_file import Fixtures, read_thresholds
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


def thresholds_of(
    path: Path, own: Path | None = None, *, model: str = "m", used: str = "", unused: str = ""
) -> dict[str, Threshold]:
    return read_thresholds(path, model=model, fixtures=Fixtures({used}, {unused} - {""}), own=own)


HEAD = "version = 2\n"
THRESHOLD = (
    f'{HEAD}[[threshold]]\ncheck = "parity"\nmodel = "m"\n'
    'at_most = 2e-6\nmeasured = 5e-7\nsource = "a test"\n'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[threshold\n", "line 1"),
        ("", "must hold"),
        ("[other]\na = 1\n", "must hold"),
        (THRESHOLD + "at_least = 1\n", "does not reach it"),
        (THRESHOLD.replace("source", "sauce"), "sauce"),
        (THRESHOLD.replace('"m"', "7"), r"Expected `str`, got `int` - at `\$\.model`"),
        (THRESHOLD.replace("2e-6", '"tight"'), r"Expected `float \| null`, got `str` - at `\$\.at_most`"),
        (THRESHOLD.replace("2e-6", "1e-9"), "its own measurement 5e-07 does not reach it"),
        (THRESHOLD.replace("5e-7", "nan"), "its own measurement nan does not reach it"),
        (THRESHOLD + THRESHOLD.removeprefix("version = 2\n"), "is there twice"),
        (THRESHOLD.replace("2e-6", "inf"), "must be finite in every number"),
        (THRESHOLD.replace("2e-6", "1e-4"), "200 times looser than its measurement"),
        ("version = 2\nthreshold = [1]\n", "must be a .*table"),
        ("version = 3\n" + THRESHOLD[12:], "must hold version = 2"),
        (THRESHOLD[12:], "must hold version = 2"),
        (THRESHOLD[12:].replace("threshold", "bar"), "the form of an older version; write"),
    ],
)
def test_malformed_thresholds(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(text)
    with pytest.raises(FixtureError, match=words) as caught:
        thresholds_of(path)
    assert str(caught.value).startswith(str(path))


def test_missing_thresholds(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match="cannot be read"):
        thresholds_of(tmp_path / "none.toml")


def test_which_threshold_binds(tmp_path: Path) -> None:
    """The model's own goes before that of any model; one that was set on other texts is an error."""
    path = tmp_path / "thresholds.toml"
    loose = THRESHOLD.replace('"m"', '"any"').replace("2e-6", "4e-6")
    own = THRESHOLD + 'fixture = "beef"\n'
    for text in (loose + own[12:], own + loose[12:]):
        path.write_text(text)
        assert thresholds_of(path, used="beef")["parity"].at_most == 2e-6
        assert thresholds_of(path, model="other", used="cafe")["parity"].at_most == 4e-6
        assert thresholds_of(path, used="cafe", unused="beef")["parity"].at_most == 4e-6
        with pytest.raises(FixtureError, match=r"was set on texts beef .SHA-256. that are not here"):
            thresholds_of(path, used="cafe")


@pytest.mark.parametrize(
    ("own", "words"),
    [
        (THRESHOLD, "must name its model, and its texts"),
        (THRESHOLD.replace('"m"', '"any"') + 'fixture = "beef"\n', "must name its model, and its texts"),
        (
            THRESHOLD.replace("2e-6", "3e-6") + 'fixture = "beef"\n',
            "is looser than the gate's <= 2e-06",
        ),
    ],
)
def test_thresholds_of_ones_own_do_not_loosen(tmp_path: Path, own: str, words: str) -> None:
    gates, users = tmp_path / "gate.toml", tmp_path / "user.toml"
    gates.write_text(THRESHOLD)
    users.write_text(own)
    with pytest.raises(FixtureError, match=words):
        thresholds_of(gates, users, used="beef")


def test_a_threshold_of_ones_own_goes_first(tmp_path: Path) -> None:
    gates, users = tmp_path / "gate.toml", tmp_path / "user.toml"
    gates.write_text(THRESHOLD.replace('"m"', '"any"'))
    users.write_text(THRESHOLD.replace("2e-6", "1e-6") + 'fixture = "beef"\n')
    threshold = thresholds_of(gates, users, used="beef")["parity"]
    assert (threshold.at_most, threshold.own, threshold.required) == (1e-6, True, "<= 1e-06 (own)")
    assert not thresholds_of(gates, users, used="cafe")["parity"].own


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


def test_another_recipe_has_other_thresholds(tmp_path: Path) -> None:
    path = tmp_path / "thresholds.toml"
    path.write_text(THRESHOLD + 'recipe = "another"\n')
    assert thresholds_of(path) == {}


BAND = (
    "version = 2\n[[threshold]]\n"
    'check = "cohesion"\nmodel = "m"\nat_least = 0.1\nat_most = 0.3\nmeasured = 0.2\n'
    'band = [0.1, 0.3]\nsource = "a test"\n'
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BAND.replace("band = [0.1, 0.3]\n", ""), "at_least and at_most need a band"),
        (BAND.replace("[0.1, 0.3]", "[0.1]"), "of length 2"),
        (BAND.replace("[0.1, 0.3]", '["a", 0.3]'), r"got `str` - at `\$\.band"),
        (BAND.replace("[0.1, 0.3]", "[]"), "of length 2"),
        (BAND.replace("at_most = 0.3", "at_most = 0.4"), "is not the band 0.1 to 0.3"),
        (BAND.replace("at_least = 0.1", "at_least = -0.1"), "is not the band 0.1 to 0.3"),
        (BAND.replace("[0.1, 0.3]", "[0.25, 0.3]"), "is not the band"),
        (BAND.replace("measured = 0.2", "measured = 0.5"), "does not reach it"),
    ],
)
def test_a_band_is_the_threshold(tmp_path: Path, text: str, words: str) -> None:
    """A two-sided threshold stands where the resampling put it, not where it would be comfortable."""
    path = tmp_path / "thresholds.toml"
    path.write_text(BAND)
    assert thresholds_of(path)["cohesion"].required == "0.1 to 0.3"
    path.write_text(text)
    with pytest.raises(FixtureError, match=words):
        thresholds_of(path)


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


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("", "holds no text"),
        ('{"id": "a", "kind": "k", "text": "t"}\nnot json\n', ":2: not a JSON object"),
        ('{"id": "a", "kind": "k"}\n', ":1: must be an object with id, kind and text"),
        ('{"id": "a", "kind": "k", "text": 7}\n', ":1: id, kind and text must be strings"),
        ('{"id": "a", "kind": "k", "text": "t"}\n' * 2, ":2: id 'a' is there twice"),
    ],
)
def test_malformed_texts(tmp_path: Path, lines: str, words: str) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text(lines)
    with pytest.raises(FixtureError, match=words):
        read_texts(path)


def golden_copy(folder: Path) -> tuple[Path, Texts]:
    for name in ("all-MiniLM-L6-v2.json", "all-MiniLM-L6-v2.safetensors"):
        (folder / name).write_bytes((own_files.FIXTURES / "golden" / name).read_bytes())
    return folder, own_files.texts()


def test_golden_of_other_texts(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    other = Texts(texts.ids, texts.kinds, texts.texts, "0" * 64)
    with pytest.raises(FixtureError, match="goldens of other texts"):
        read_golden(folder, "all-MiniLM-L6-v2", other)


def test_damaged_golden(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    path = folder / "all-MiniLM-L6-v2.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1  # one bit of one number
    path.write_bytes(data)
    with pytest.raises(FixtureError, match="SHA-256 must be"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)
    path.unlink()
    with pytest.raises(FixtureError, match="cannot be read"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)


def test_malformed_golden_origin(tmp_path: Path) -> None:
    folder, texts = golden_copy(tmp_path)
    (folder / "all-MiniLM-L6-v2.json").write_text("{}")
    with pytest.raises(FixtureError, match="malformed"):
        read_golden(folder, "all-MiniLM-L6-v2", texts)


def test_model_without_goldens() -> None:
    assert read_golden(own_files.FIXTURES / "golden", "no-such-model", own_files.texts()) is None
