"""The report's section on a model beside its origin."""

from embedding_gate.metrics.drift import Drift
from embedding_gate.metrics.paired import Moved
from embedding_gate.report.blocks import Items, Table, Text
from embedding_gate.report.change_sections import origin
from embedding_gate.report.record import as_json, parsed
from embedding_gate.report.schema.record import Record
from tests.support.records import a_model, a_record, as_data, errors

FELL = Moved("topic auc", 0.8, 0.7, -0.12, -0.08, surely_worse=0.06)
DRIFT = Drift(99, 0.99, 0.95, float("nan"), {"word-01": float("nan")}, 0.875, (FELL,))


def record_of(*, same: bool = False, drift: Drift | None = DRIFT, declared: tuple[str, ...] = ()) -> Record:
    found = {"source": "base", "same": same, "declared": list(declared)}
    return a_record({"models": [{**a_model(), "origin": {**found, "drift": drift and drift.as_data()}}]})


def test_the_record_is_as_its_schema_says() -> None:
    for record in (record_of(), record_of(drift=None), a_record({"models": [a_model()]})):
        assert errors(as_data(record)) == []
        assert parsed("report.json", as_json(record)) == record


def test_what_moved_is_shown() -> None:
    section = origin(record_of(declared=("limit: 20 tokens -> 12 tokens",)))
    assert section is not None
    title, told, table, _, declared = section.blocks
    assert title == Text("m beside base.")
    assert isinstance(told, Text)
    assert "the median 0.99, the 1 % quantile 0.95 and the least value -. " in told.text
    assert "moved most: word-01 (-). Of the 10 passages nearest to a query, 87.5% are the same" in told.text
    assert isinstance(table, Table)
    assert [list(row) for row in table.rows] == [["topic auc", "0.8", "0.7", "-0.12 to -0.08", "0.06"]]
    assert declared == Items(["limit: 20 tokens -> 12 tokens"])


def test_the_same_model() -> None:
    section = origin(record_of(same=True, drift=None))
    assert section is not None
    assert section.blocks[1:] == [Text("It is the same model, bit for bit.")]


def test_without_an_origin_there_is_no_section() -> None:
    assert origin(a_record({"models": [a_model()]})) is None
