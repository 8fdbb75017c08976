"""The sections of a report: which there are, and what they say."""

import pytest
from msgspec.structs import replace

from embedding_gate.report.blocks import Table, number
from embedding_gate.report.markdown import markdown
from embedding_gate.report.sections import document, sections
from tests.support.pages import with_history
from tests.support.records import JUDGE, a_full_record, a_model, a_record

TITLES = [
    "Verdict",
    "Performance summary",
    "Quality metrics",
    "Semantic coherence",
    "Intra-category similarities",
    "Speed analysis",
    "Cross-model validation",
    "Comparison with other systems",
    "Conclusion",
    "Every check",
    "Kill matrix",
    "Claims",
    "History",
]


def test_every_section_is_there_in_order() -> None:
    """All but a recommendation: the model is red."""
    compared = [section.title for section in sections(with_history(a_full_record()))]
    assert compared == [TITLES[0], "The judge", "Against another revision", *TITLES[1:]]


def test_what_a_change_moved_is_told() -> None:
    """A moved threshold, a slower benchmark, one that was not measured, and the vectors."""
    shown = "\n".join(str(block) for section in sections(a_full_record())[1:3] for block in section.blocks)
    for words in (
        "Judged by 222222222222: fail.",
        "Its own verdict: pass. No person approved it",
        "parity: 3e-06 -> 3",
        "'1.2x', '1.18 to 1.23', '1.1', 'FAIL', 'slower'",
        "'-', '-', '1.1', 'ERROR', 'no round was timed'",
        "'1x', '0.99 to 1.01'",
        "vectors is 0.999. The nearest text changed for 3 of them.",
        "'pairs', '0.8', '0.7', '-0.12 to -0.08'",
    ):
        assert words in shown
    unchanged = a_record({"judge": {**JUDGE, "changed": [], "base_verdict": "pass"}})
    assert "leaves the judge as it is" in str(sections(unchanged)[1])


def test_an_absent_measurement_names_the_command_that_makes_it() -> None:
    shown = markdown(document(a_record()))
    for command in (
        "`pytest --benchmark-only --report=DIR`",
        "`pytest --benchmark-only --report=DIR --model=SMALL --model=LARGE`",
        "`pytest -m quality --report=DIR`",
        "`pytest -m faults --report=DIR`",
        "`pytest -m claims --report=DIR`",
        "`pytest -m quality --history=FILE --report=DIR`",
        "`make peers`",
    ):
        assert command in shown


def test_a_red_run_says_what_and_where_and_likely_why() -> None:
    first = "\n".join(str(block) for block in sections(a_full_record())[0].blocks)
    for word in ("FAIL", "parity", "<= 2e-06", "first-token pooling", "fixtures/thresholds.toml:1"):
        assert word in first


def test_measured_and_published_never_share_a_column() -> None:
    (found,) = [one for one in sections(a_full_record()) if one.title == "Comparison with other systems"]
    tables = [one for one in found.blocks if isinstance(one, Table)]
    assert any(table.caption.startswith("Measured here") for table in tables)
    (said,) = [table for table in tables if table.caption == "Published"]
    assert "measured" not in said.header
    assert all("published" not in table.header for table in tables if table is not said)


def test_a_part_of_the_gate_is_called_one() -> None:
    model = {**a_model(), "part": "3 of 52 checks"}
    text = str(sections(a_record({"models": [model]}))[0].blocks[0])
    assert "A PART OF THE GATE, 3 of 52 checks" in text


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.0, "0"), (1234.5, "1,230"), (999.4, "999"), (2e-7, "2e-07")]
)
def test_numbers_are_written_to_be_read(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_the_kill_matrix_is_summed_by_cause_and_tells_each_fault_on_demand() -> None:
    """Each fault stands in one folded table, with all checks that are red under it."""
    record = a_full_record()
    matrix = record.kill_matrix
    assert matrix
    fault = matrix.faults[0]
    matrix.checks = ["parity", "pairs"]
    matrix.faults = [
        replace(fault, name="a", marks="xo", outcome="killed"),
        replace(fault, name="b", marks="x.", outcome="killed"),
        replace(fault, name="c", marks="..", outcome="survived"),
        replace(fault, name="d", marks="..", outcome="passed", benign=True),
    ]
    (section,) = [one for one in sections(record) if one.title == "Kill matrix"]
    tables = {one.caption: one for one in section.blocks if isinstance(one, Table)}
    assert tables["By cause"].rows == [
        ["pooling", "2 of 3 killed, 1 survived", "parity 2, pairs 1"],
        ["harmless", "1 of 1 passed", "-"],
    ]
    assert not tables["By cause"].folded
    told = tables["pooling: 2 of 3 killed, 1 survived"]
    assert told.folded
    assert [(row[0], row[-1]) for row in told.rows] == [("a", "parity, pairs"), ("b", "parity"), ("c", "-")]


def test_a_run_that_recommends_nothing_has_no_heading_for_it() -> None:
    record = a_record({"models": [a_model()]})
    assert record.models[0].red
    assert "What it means in practice" not in [section.title for section in sections(record)]
    assert "a recommended model" in document(record).missing
