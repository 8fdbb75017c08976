"""The report's section on old and new vectors, and the first line of a job's summary."""

import numpy as np

from embedding_gate.pull_request.github import summary
from embedding_gate.reindex.reindex import Reindex
from embedding_gate.reindex.verdict import judge
from embedding_gate.report.blocks import Items, Table, Text
from embedding_gate.report.change_sections import reindex
from embedding_gate.report.record import as_json, parsed
from embedding_gate.report.schema.record import Record
from embedding_gate.report.verdicts import verdict
from tests.support.few_draws import few_draws  # noqa: F401
from tests.support.records import a_model, a_record, as_data, errors
from tests.support.snapshots import TINY, changed, old


def record_of(beside: Reindex) -> Record:
    return a_record({"models": [{**a_model(), "reindex": beside.as_data()}]})


def test_the_record_the_section_and_the_first_line() -> None:
    known = old(TINY)
    record = record_of(Reindex("--snapshot=a", lambda: judge(known, changed(np.negative, known)), "same"))
    assert errors(as_data(record)) == []
    assert parsed("report.json", as_json(record)) == record
    section = reindex(record)
    assert section is not None
    told, items, mixed, mapped = section.blocks
    assert told == Text("m beside --snapshot=a: re-index (sign): each vector is negated.")
    assert isinstance(items, Items)
    assert items.lines[-1] == "Instead of a new index: negating the old vectors."
    assert isinstance(mixed, Table)
    assert isinstance(mapped, Table)
    assert verdict(record).blocks[0] == Text("m: re-index (sign): each vector is negated.")
    first = summary(record).splitlines()[0]
    assert first.endswith(": embedding gate; re-index (sign): each vector is negated")


def test_without_a_comparison_nothing_is_told() -> None:
    record = a_record({"models": [a_model()]})
    assert reindex(record) is None
    assert summary(record).splitlines()[0].endswith(": embedding gate")
