"""The file of thresholds: its form, which threshold binds, and thresholds of a user's own."""

from pathlib import Path

import pytest

from embedding_gate.errors import FixtureError
from embedding_gate.verdicts.threshold_file import Fixtures, read_thresholds
from embedding_gate.verdicts.thresholds import Threshold


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
