"""The files of --report and --history: written whole, or left as they were."""

import json
import os
import signal
from pathlib import Path

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.report.history import append, line_of, read_history
from embedding_gate.report.record import read_record
from embedding_gate.report.sections import document
from embedding_gate.report.series import history
from embedding_gate.report.write import write_files, write_report
from tests.support.records import a_full_record, a_record, as_data, errors

OLD = {"report.json": "old", "report.html": "old", "report.md": "old"}
NEW = dict.fromkeys(OLD, "new")


def contents(folder: Path) -> dict[str, str]:
    """Return the files of a folder, hidden ones too."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir()}


def test_the_three_files_are_written_and_say_the_same(tmp_path: Path) -> None:
    record = a_record()
    files = write_report(tmp_path / "new" / "folder", record)
    assert [path.name for path in files] == ["report.json", "report.md", "report.html"]
    assert read_record(files[0]) == record
    for path in files[1:]:
        assert "PASS" in path.read_text(encoding="utf-8")


def test_the_title_names_what_was_judged() -> None:
    assert document(a_full_record()).title == "embedding-gate: m"
    assert document(a_record()).title == "embedding-gate"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_waits_until_all_files_are_there(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes when one file of three is new; it takes effect when all are, and not before."""
    write_files(tmp_path, OLD)
    replace, seen = Path.replace, []

    def interrupted(self: Path, target: Path) -> Path:
        done = replace(self, target)
        signal.raise_signal(number)
        return done

    def ended(number: int, _: object) -> None:
        seen.append((number, contents(tmp_path)))

    before = signal.signal(number, ended)
    try:
        monkeypatch.setattr(Path, "replace", interrupted)
        write_files(tmp_path, NEW)
    finally:
        assert signal.signal(number, before) is ended
    assert seen == [(number, NEW)]  # one, as of all that come while a signal waits


def test_a_write_that_fails_leaves_the_old_report(tmp_path: Path) -> None:
    write_files(tmp_path, OLD)
    with pytest.raises(InputError, match="cannot be written"):
        write_files(tmp_path, {**NEW, "no/such/folder.md": ""})
    assert contents(tmp_path) == OLD


def test_a_folder_in_the_place_of_a_file_leaves_the_others(tmp_path: Path) -> None:
    write_files(tmp_path, {"report.json": "old"})
    (tmp_path / "report.md").mkdir()
    with pytest.raises(InputError, match=r"report.md is a folder"):
        write_files(tmp_path, NEW)
    assert (tmp_path / "report.json").read_text(encoding="utf-8") == "old"


def test_a_run_is_added_to_the_history_as_one_line(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    assert read_history(file) == []
    for number in range(3):
        append(file, a_full_record() if number else a_record())
    assert file.read_text(encoding="utf-8").count("\n") == 3
    found = read_history(file)
    assert found[1:] == [line_of(a_full_record())] * 2
    assert found[1].models[0].figures["parity"] is None
    line = to_builtins(found[1])
    newer = {**line, "more": 1, "models": [{**line["models"][0], "more": 1}]}
    file.write_text(json.dumps(newer) + "\n", encoding="utf-8")
    assert read_history(file) == found[1:2], "what a later version adds is left out"
    assert errors(as_data(replace(a_record(), history=found))) == []


def test_the_history_is_drawn_from_two_runs_on() -> None:
    """Quality as measured, seconds over those of the first run on that machine; a red run by a cross."""
    one = line_of(a_full_record())
    one.models[0].figures["pairs"] = 0.5
    slower = [replace(one.speed[0], median=0.75)]
    other = replace(one, verdict="pass", when="later", speed=slower)
    elsewhere = replace(other, machine="another chip")
    assert history(replace(a_record(), history=[one])) == []
    quality, seconds = history(replace(a_record(), history=[one, other, elsewhere]))
    assert [line["name"] for line in quality.data] == ["m: pairs", "m: cohesion"]
    assert quality.data[0]["y"] == [0.5, 0.5, 0.5]
    assert [symbol == "x" for symbol in quality.data[0]["marker"]["symbol"]] == [True, False, False]
    assert [line["y"] for line in seconds.data] == [[1.0, 1.5]]


FULL = json.dumps(to_builtins(line_of(a_full_record()))) + "\n"
SMALL = json.dumps(to_builtins(line_of(a_record())))


@pytest.mark.parametrize(
    ("damage", "where", "what"),
    [
        ('{"when": "2026', 2, "the last line was cut off"),
        ("{}\n", 2, "is no run"),
        ("[1]\n", 2, "is no run"),
        ("\n", 2, "is no run"),
        (SMALL.replace('"when": ', '"when": 1, "a": ') + "\n", 2, r"is no run .*`\$\.when`"),
        (
            FULL.replace('"figures": {', '"figures": null, "a": {'),
            2,
            r"is no run .*figures`",
        ),
        (FULL.replace('"median": ', '"median": null, "a": '), 2, r"is no run .*median`"),
        (SMALL, 2, "the last line was cut off"),
    ],
)
def test_a_damaged_history_is_refused_and_kept(damage: str, where: int, what: str, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    append(file, a_record())
    before = file.read_text(encoding="utf-8") + damage
    file.write_text(before, encoding="utf-8")
    with pytest.raises(FixtureError, match=rf"history.jsonl:{where}: {what}"):
        read_history(file)
    assert file.read_text(encoding="utf-8") == before


def test_a_full_disk_leaves_the_history_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system takes a part of the line and no more."""
    file = tmp_path / "history.jsonl"
    append(file, a_record())
    before, write = file.read_bytes(), os.write
    monkeypatch.setattr(os, "write", lambda number, line: write(number, line[:10]))
    with pytest.raises(InputError, match="the disk is full"):
        append(file, a_record())
    assert file.read_bytes() == before
