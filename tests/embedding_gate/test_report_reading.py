"""Reading records: what is not as the types say is refused in one line that says so."""

import json
from pathlib import Path
from typing import Any

import pytest

from embedding_gate.errors import FixtureError, InputError
from embedding_gate.report import collect
from embedding_gate.report.__main__ import main
from embedding_gate.report.record import parsed, read_record
from embedding_gate.report.schema.record import json_schema
from tests.support.records import a_full_record, a_record, as_data, errors


def spoilt_records() -> dict[str, dict[str, Any]]:
    """Return records that are not as the types say, by the words that the error must have."""
    without, inside = as_data(a_full_record()), as_data(a_full_record())
    del without["models"][0]["verdicts"][0]["margin"]
    inside["speed"][0]["more"] = 1
    return {
        "missing required field `margin` - at `$.models[0].verdicts[0]`": without,
        "unknown field `more` - at `$.speed[0]`": inside,
        "unknown field `more`": {**as_data(a_record()), "more": 1},
        "Invalid enum value 'passed' - at `$.verdict`": {**as_data(a_record()), "verdict": "passed"},
        "Expected `array`, got `null` - at `$.reasons`": {**as_data(a_record()), "reasons": None},
    }


@pytest.mark.parametrize("words", spoilt_records())
def test_what_is_not_as_the_types_say_is_one_line_that_names_the_key(words: str) -> None:
    """Reading refuses what the JSON Schema refuses."""
    record = spoilt_records()[words]
    assert errors(record)
    with pytest.raises(InputError) as refused:
        parsed("report.json", json.dumps(record))
    assert str(refused.value).startswith("report.json: is no report (")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_older_version_is_one_line_that_says_what_to_do() -> None:
    old = {key: value for key, value in as_data(a_record()).items() if key != "version"} | {"schema": 1}
    with pytest.raises(InputError) as refused:
        parsed("report.json", json.dumps(old))
    assert str(refused.value) == (
        "report.json: is a report of version 1, and this embedding-gate reads version 2; "
        "write it again with this version: the same command, with --report=DIR"
    )


def test_an_installed_gate_has_no_results_of_benchmarks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the file nothing is shown of other systems; a file that is damaged is refused."""
    monkeypatch.setattr(collect, "PEERS", tmp_path / "peers.json")
    assert collect.peers() == []
    (tmp_path / "peers.json").write_text('{"peers": [{"workload": 1}]}', encoding="utf-8")
    with pytest.raises(FixtureError, match=r"peers\.json: malformed \(Expected `str`, got `int`"):
        collect.peers()


def test_a_part_that_adds_what_is_no_key_is_refused() -> None:
    with pytest.raises(InputError, match=r"the record: Object contains unknown field `rows`"):
        a_record({"rows": [1]})


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["embedding_gate.report", "--schema"])
    with pytest.raises(SystemExit, match="0"):
        main()
    assert json.loads(capsys.readouterr().out) == json_schema()


@pytest.mark.parametrize("content", ["", "[]", '{"version": 2}', '{"version": 3}', "\x00"])
def test_what_is_no_record_is_refused(content: str, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match=r"report\.json: "):
        read_record(tmp_path / "report.json")
