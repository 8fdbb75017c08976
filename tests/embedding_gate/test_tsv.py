"""TSV of other programs: the dialect is told by its signs, and said; signs of two are refused."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedding_gate.data.projector import escape
from embedding_gate.data.rows import dialect, dialect_notes, read_rows
from embedding_gate.data.tsv import dialect_of, tsv_lines
from embedding_gate.errors import FixtureError

HEADER = ["category", "text"]
ESCAPES = r"\t, \n, \r and \\ were read as escapes; where they are text, write JSONL"
PLAIN = "backslashes were read as they stand"
QUOTES = "quotation marks round fields were read as pandas writes them"


def texts_of(path: Path) -> list[str]:
    return [row.text("text") for row in read_rows(path, HEADER)]


@pytest.mark.parametrize(
    ("lines", "texts", "said"),
    [
        (["a\tone", "b\ttwo"], ["one", "two"], ""),
        ([r"a	one\ttwo", r"b	C:\\temp"], ["one\ttwo", r"C:\temp"], ESCAPES),
        ([r"a	\d+ and \w", r"b	C:\temp\new"], [r"\d+ and \w", r"C:\temp\new"], PLAIN),
        (["a\tends in \\", "b\tx"], ["ends in \\", "x"], PLAIN),
        (['a\t"He said ""no"", and left"', "b\tx"], ['He said "no", and left', "x"], QUOTES),
        (['a\t"one\ttwo"', "b\tx"], ["one\ttwo", "x"], QUOTES),
        (['a\t"one', 'two"', "b\tx"], ["one\ntwo", "x"], QUOTES),
        (['a\t"He said ""no"""', r"b	C:\temp and \d"], ['He said "no"', r"C:\temp and \d"], QUOTES),
        (['a\t"She began', 'b\tand ended"', "b\t6' 2\""], ['"She began', 'and ended"', "6' 2\""], ""),
        (['a\t"Well", she said', 'b\t"Well."'], ['"Well", she said', '"Well."'], ""),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_dialects(lines: Sequence[str], texts: Sequence[str], said: str, end: str, tmp_path: Path) -> None:
    """A text may hold the line end that its file has: where it is quoted."""
    file = tmp_path / "texts.tsv"
    file.write_bytes(end.join(["Category\tText", *lines, ""]).encode())
    assert texts_of(file) == [text.replace("\n", end) if said == QUOTES else text for text in texts]
    assert dialect(file) == said
    assert dialect_notes(file) == ([f"  texts.tsv: {said}"] if said else [])


def test_a_quoted_header_is_a_sign(tmp_path: Path) -> None:
    """As of csv.QUOTE_ALL."""
    file = tmp_path / "texts.tsv"
    file.write_text('"category"\t"text"\n"a"\t"one"\n"b"\t"two"\n')
    assert texts_of(file) == ["one", "two"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (
            ['a\t"He said ""no"""', 'b\t"Well", she said'],
            r":2: quotes as pandas writes them, but line 3 has none",
        ),
        (
            [r"a	\d+", r"b	C:\\temp"],
            r":2: a backslash that begins no escape, and in line 3 one that is esc",
        ),
        (
            ["a\tone", 'b\t"He said ""no"""', 'b\tlobby"s'],
            r":3: quotes as pandas writes them, but line 4 has none",
        ),
        (["a\tone\ttwo", "b\tx"], ":2: has 3 columns, the header 2"),
    ],
)
def test_signs_of_two_are_refused(lines: Sequence[str], words: str, tmp_path: Path) -> None:
    file = tmp_path / "texts.tsv"
    file.write_text("\n".join(["category\ttext", *lines]))
    with pytest.raises(FixtureError, match=words):
        texts_of(file)


SOME = st.lists(st.text("ab \t\n\\\"'trnd", max_size=8), min_size=1, max_size=4)


@given(SOME)
@example(['"He said ""no"""'])
@example(['""""', "\\"])
def test_what_escape_writes_is_read_back(texts: Sequence[str]) -> None:
    """Whatever the texts look like."""
    rows = [["a", text] for text in texts]
    written = "".join("\t".join(map(escape, row)) + "\n" for row in [HEADER, *rows])
    assert [fields for _, fields in tsv_lines(Path("f"), io.StringIO(written))] == [HEADER, *rows]


@given(st.lists(st.text("ab \t\\\"'trnd", max_size=8), min_size=1, max_size=4))
def test_what_csv_writes_is_read_back_or_refused_or_told_of(texts: Sequence[str]) -> None:
    """Nothing is garbled in silence. A text of two lines may look like two lines of the file."""
    rows = [["a", text] for text in texts]
    file = io.StringIO()
    csv.writer(file, delimiter="\t", lineterminator="\n").writerows([HEADER, *rows])
    try:
        found = [fields for _, fields in tsv_lines(Path("f"), io.StringIO(file.getvalue()))]
    except FixtureError:
        return
    assert found == [HEADER, *rows] or dialect_of(Path("f"), io.StringIO(file.getvalue())) == ESCAPES
