"""Files of topics and pairs as they are published: each quirk is read, or refused with the reason."""

import json
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from embedding_gate.data.labelled import read_pairs, read_topics
from embedding_gate.data.rows import dialect_notes, read_rows
from embedding_gate.errors import FixtureError
from embedding_gate.subjects.recorded import read_recorded

TEXTS = ("My parcel is late", "Where is my parcel", "The bill is wrong", "I was billed twice")


def topics_file(path: Path, **columns: Sequence[Any]) -> Path:
    rows = [
        dict(zip(("text", *columns), values, strict=True))
        for values in zip(TEXTS, *columns.values(), strict=True)
    ]
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    else:
        lines = [list(rows[0]), *(map(str, row.values()) for row in rows)]
        path.write_text("".join(",".join(line) + "\n" for line in lines))
    return path


@pytest.mark.parametrize(
    ("name", "columns", "labels", "categories"),
    [
        # banking77's columns with a label beside the category; mteb's own form; labels of each text's own
        ("t.csv", {"label": [11, 11, 63, 63], "category": "aabb"}, "", "aabb"),
        ("t.jsonl", {"label": [11, 11, 63, 63], "label_text": "aabb"}, "", ["11", "11", "63", "63"]),
        ("t.jsonl", {"label": [0, 0, 1, 1]}, "", "0011"),
        ("t.csv", {"label": [0, 0, 1, 1]}, "", "0011"),
        ("t.jsonl", {"label": [0, 1, 2, 3], "category": "aabb"}, "0123", "aabb"),
        ("t.csv", {"label": [0, 1, 2, 3], "category": "aabb"}, "0123", "aabb"),
        ("t.jsonl", {"id": [0, 1, 2, 3], "label": "ppqq"}, "0123", "ppqq"),
    ],
)
def test_labels_that_are_classes(
    tmp_path: Path, name: str, columns: dict[str, Any], labels: Sequence[str], categories: Sequence[str]
) -> None:
    """A label that repeats is the category; 0 is a label."""
    found = read_topics(topics_file(tmp_path / name, **columns))
    if name == "t.jsonl" and "id" in columns:
        assert found.labels == ("0", "1", "2", "3")
    else:
        assert found.labels == tuple(labels or (f"text-{number}" for number in range(1, 5)))
    assert found.categories == tuple(categories)


def test_labels_that_are_nothing(tmp_path: Path) -> None:
    """Unique labels are no classes, and a label that repeats in two categories names no text."""
    with pytest.raises(
        FixtureError, match=r"t.jsonl:1: lacks category; has text, label; give category and text"
    ):
        read_topics(topics_file(tmp_path / "t.jsonl", label="abcd"))
    with pytest.raises(FixtureError, match="label 'a' is there twice"):
        read_topics(topics_file(tmp_path / "t.jsonl", label="abca", category="xxyy"))


PAIRS = [("A dog runs", "A hound runs", "4.5"), ("A cat", "Snow", "0"), ("He sings", "He sang", "3.25")]


def test_sicks_columns(tmp_path: Path) -> None:
    file = tmp_path / "sick.tsv"
    header = "pair_ID\tsentence_A\tsentence_B\tentailment_label\trelatedness_score"
    lines = [f"{row}\t{one}\t{other}\tNEUTRAL\t{score}" for row, (one, other, score) in enumerate(PAIRS)]
    file.write_text("\n".join([header, *lines]) + "\n")
    found = read_pairs(file)
    assert (found.one, found.other, found.grades.tolist()) == (
        ("A dog runs", "A cat", "He sings"),
        ("A hound runs", "Snow", "He sang"),
        [4.5, 0, 3.25],
    )


def test_stsbenchmarks_columns(tmp_path: Path) -> None:
    """No header; a line may name a source in further columns, and quotation marks are ordinary."""
    lines = [
        f"main-captions\tMSRvid\t2012\t000{row}\t{pair[2]}\t{pair[0]}\t{pair[1]}"
        for row, pair in enumerate(PAIRS)
    ]
    lines[1] += "\thttp://a.example\tlicence"
    lines[2] = lines[2].replace("He sang", 'He "sang')
    for name in ("sts.tsv", "sts.csv"):
        (tmp_path / name).write_text("\n".join(lines) + "\n")
    found = read_pairs(tmp_path / "sts.tsv")
    assert found.grades.tolist() == [4.5, 0, 3.25]
    assert found.other == ("A hound runs", "Snow", 'He "sang')
    with pytest.raises(FixtureError, match=r"header: its columns are separated by tabs; name it .tsv"):
        read_pairs(tmp_path / "sts.csv")
    (tmp_path / "sts.tsv").write_text("\n".join([*lines, "main\tfile\t2012\t0004\t3\tone"]) + "\n")
    with pytest.raises(FixtureError, match=r"sts.tsv:4: has 6 columns, the first line 7"):
        read_pairs(tmp_path / "sts.tsv")


def test_a_label_of_pairs_is_no_score(tmp_path: Path) -> None:
    """In sets of entailment it is the number of a class."""
    file = tmp_path / "p.csv"
    file.write_text("sentence1,sentence2,label\n" + "".join(f"{one},{other},1\n" for one, other, _ in PAIRS))
    with pytest.raises(FixtureError, match="lacks score; has sentence1, sentence2, label"):
        read_pairs(file)


def test_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    """As programs write CSV where the comma is the decimal sign. Beside commas "3,5" is no number."""
    file = tmp_path / "p.csv"
    rows = [f'"{one}, {one}";{other};{score.replace(".", ",")}' for one, other, score in PAIRS]
    file.write_text("\r\n".join(["sentence1;sentence2;score", *rows]) + "\r\n", newline="")
    found = read_pairs(file)
    assert found.grades.tolist() == [4.5, 0, 3.25]
    assert found.one[0] == "A dog runs, A dog runs"
    assert dialect_notes(file) == [
        "  p.csv: semicolons separate the columns, and a comma is the decimal sign"
    ]
    file.write_text('sentence1,sentence2,score\na,b,"3,5"\n')
    assert dialect_notes(file) == []
    with pytest.raises(FixtureError, match=r"p.csv:2: score must be a finite number, got '3,5'"):
        read_pairs(file)


@pytest.mark.parametrize("suffix", ["jsonl", "tsv", "csv"])
def test_bytes_of_other_systems(tmp_path: Path, suffix: str) -> None:
    """A byte order mark, CRLF and NUL are read as they are meant; UTF-16 is refused with the reason."""
    between = {"tsv": "\t", "csv": ","}.get(suffix, "")
    rows = [("category", "text"), ("a", "one\0two"), ("b", "three")]
    lines = [between.join(row) for row in rows]
    if suffix == "jsonl":
        lines = [json.dumps(dict(zip(rows[0], row, strict=True)), ensure_ascii=False) for row in rows[1:]]
    file = tmp_path / f"t.{suffix}"
    file.write_bytes("\r\n".join(["\ufeff" + lines[0], *lines[1:], ""]).encode())
    found = [row.text("text") for row in read_rows(file, ("category", "text"))]
    assert found == ["one\0two", "three"]
    file.write_text("\n".join(lines), encoding="utf-16")
    with pytest.raises(FixtureError, match="is not UTF-8"):
        list(read_rows(file, ("category", "text")))


@pytest.mark.parametrize("suffix", ["jsonl", "tsv", "csv"])
def test_a_large_file_is_not_held_in_memory(tmp_path: Path, suffix: str) -> None:
    """Two megabytes take less than a tenth of that: what is held does not grow with the file."""
    file = tmp_path / f"t.{suffix}"
    text = "word " * 200
    line = {"jsonl": json.dumps({"text": text}), "tsv": f"a\\n\t{text}", "csv": f"a,{text}"}[suffix]
    header = {"jsonl": "", "tsv": "category\ttext\n", "csv": "category,text\n"}[suffix]
    file.write_text(header + f"{line}\n" * 2_000)
    tracemalloc.start()
    assert sum(1 for _ in read_rows(file, ("text",))) == 2_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < file.stat().st_size / 10


def test_metadata_of_one_column(tmp_path: Path) -> None:
    """TensorBoard's form of one column has no header, so its first line is a text."""
    (tmp_path / "metadata_x.tsv").write_text("My parcel is late\nThe bill is wrong\n")
    with pytest.raises(
        FixtureError, match=r"metadata_x.tsv: has one column, which has no header in TensorBoard's"
    ):
        read_recorded(tmp_path, "x")


def test_backslashes_and_quotation_marks(tmp_path: Path) -> None:
    """Paths of a program that escapes nothing look like escapes. The table says how they were read."""
    file = tmp_path / "t.tsv"
    file.write_text("category\ttext\npaths\tOpen C:\\new\\readme first\nmath\tWrite \\tau for the delay\n")
    assert dialect_notes(file) == [
        r"  t.tsv: \t, \n, \r and \\ were read as escapes; where they are text, write JSONL"
    ]
    file.write_text("category\ttext\npaths\tOpen C:\\new\\readme first\nmath\tWrite \\delta for it\n")
    assert [row.text("text") for row in read_rows(file, ())] == [
        "Open C:\\new\\readme first",
        "Write \\delta for it",
    ]
