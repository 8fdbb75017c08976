"""What a reader sees first: the verdict, the likely fault, what to do; and at the end what is missing."""

from typing import Any

import pytest
from msgspec.structs import replace

from embedding_gate.report.blocks import Items, Table, Text
from embedding_gate.report.markdown import markdown
from embedding_gate.report.sections import document, sections
from embedding_gate.report.verdicts import LIMITS, as_verdict
from embedding_gate.verdicts.table import badness, cells
from tests.support.pages import Read, show, with_history
from tests.support.records import a_full_record, a_gate, a_record


def test_the_table_of_red_checks_names_the_model_where_there_are_several() -> None:
    one = a_full_record()
    two = replace(one, models=[*one.models, replace(one.models[0], name="other")])
    for record, first in ((one, ["parity"]), (two, ["m", "other"])):
        [table] = [block for block in sections(record)[0].blocks if isinstance(block, Table)]
        assert [row[0] for row in table.rows] == first
        assert all(len(row) == len(table.header) for row in table.rows)


def test_what_a_run_did_not_fill_is_one_line_at_the_end_and_no_heading() -> None:
    record = a_record()
    assert [section.title for section in sections(record)] == ["Verdict"]
    for shown in (show(record), markdown(document(record))):
        lines = [line for line in shown.split("\n") if "Not in this run: speed, roofline (" in line]
        assert len(lines) == 1
        assert "published claims (" in lines[0]
    text = Read(show(record)).text
    assert text.index("Verdict") < text.index("Not in this run: ")
    left = document(with_history(a_full_record())).missing  # its model is red, so none is recommended
    assert left == "Not in this run: a recommended model (`pytest -m quality --report=DIR`)."


def test_the_verdict_the_fault_and_what_to_do_come_before_all_else() -> None:
    """Before the list of sections, the reasons and the tables."""
    text = Read(show(a_full_record())).text
    body = text[text.index("✗ FAIL") :]
    places = [body.index(words) for words in ("1 of 3 checks red", "Likely fault of m: ", "What to do: ")]
    assert places == sorted(places)
    assert places[-1] < 700
    assert places[-1] < body.index("Red checks") < body.index("Performance summary")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"verdict": "pass"}, "Nothing."),
        (
            {},
            "Look for the likely fault in the code or in the model's files, and correct it. Undo what this "
            "change moves in the judge, or ask a person to approve it",
        ),
        (
            {"judge": None},
            "Look for the likely fault in the code or in the model's files, and correct it. Then run",
        ),
        ({"judge": None, "models": []}, "Read the reasons below"),
    ],
)
def test_what_to_do_is_said(change: dict[str, Any], words: str) -> None:
    blocks = sections(replace(a_full_record(), **change))[0].blocks
    [text] = [one.text for one in blocks if isinstance(one, Text) and one.text.startswith("What to do: ")]
    assert text.startswith(f"What to do: {words}")


def test_verdicts_of_a_record_are_shown_as_in_the_terminal() -> None:
    """The same cells and the same order, though a record has null in place of NaN and of no limit."""
    verdicts = a_gate().verdicts
    recorded = a_full_record().models[0].verdicts
    assert [cells(as_verdict(one)) for one in recorded] == [cells(one) for one in verdicts]
    assert [badness(as_verdict(one))[:2] for one in recorded] == [badness(one)[:2] for one in verdicts]


def test_a_green_part_is_no_verdict() -> None:
    model = replace(a_full_record().models[0], part="1 of 68 checks")
    shown = str(sections(replace(a_full_record(), verdict="pass", models=[model]))[0].blocks)
    assert "What to do: For a verdict, run all checks: leave out -k, -x and paths of tests." in shown


def test_the_conclusion_says_what_the_verdict_rests_on() -> None:
    """The passes that are nearest to red, in their order, and what was not judged; not the verdict again."""
    model = a_full_record().models[0]
    one = replace(model.verdicts[0], outcome="pass", red=False)
    verdicts = [
        replace(one, check="far", margin=1000.0),
        replace(one, check="exact", required="<= 0", margin=None),
        replace(one, check="near", margin=1.07),
        replace(one, check="nearer", margin=1.01),
        replace(one, check="no prompts", outcome="not applicable", margin=None, measured=None),
    ]
    record = replace(a_record(), models=[replace(model, verdicts=verdicts)])
    [found] = [section for section in sections(record) if section.title == "Conclusion"]
    assert found.blocks == [
        Items(
            [
                "m: the checks that pass with the smallest margin are nearer (1.01x), near (1.07x).",
                "m: not applicable, so nothing was judged: no prompts.",
                LIMITS,
            ]
        )
    ]
