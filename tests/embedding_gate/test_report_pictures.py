"""The pictures of a report: colours of categories, and the kill matrix."""

from msgspec.structs import replace

from embedding_gate import own_files
from embedding_gate.report.matrix import kill_matrix
from embedding_gate.report.palette import marker_of
from tests.support.records import a_full_record, a_record


def test_no_two_categories_of_the_gate_have_one_colour() -> None:
    """A model's own texts may have more: then the marker tells what the colour does not."""
    count = len(set(own_files.sets().topics.categories))
    markers = [(marker_of(number)["color"], marker_of(number)["symbol"]) for number in range(63)]
    assert len({colour for colour, _ in markers[:count]}) == count == 9
    assert len(set(markers)) == 63


def test_the_kill_matrix_is_drawn_mark_by_mark() -> None:
    """Red, red in some runs, green, not judged; summed by cause. The check that kills most stands first."""
    record = a_full_record()
    matrix = record.kill_matrix
    assert matrix
    fault = matrix.faults[0]
    matrix.checks = ["norm", "parity", "pairs", "topics"]
    matrix.faults = [
        replace(fault, name="a", benign=True, marks="...."),
        replace(fault, name="b", marks=".xo "),
        replace(fault, name="c", marks=".x  "),
    ]
    [picture] = kill_matrix(record)
    [cells] = picture.data
    assert (cells["x"], cells["y"]) == (["pooling", "harmless"], ["parity", "pairs", "norm", "topics"])
    assert cells["z"] == [[1.0, 0.0], [0.5, 0.0], [0.0, 0.0], [None, 0.0]]
    assert [row[0] for row in cells["text"]] == ["2", "1", "", ""]
    assert cells["customdata"][1] == ["1 of 2 (1 in some runs only, 1 not judged)", "0 of 1"]
    assert kill_matrix(a_record()) == []
