"""A user's labelled texts: three kinds of file, one reader, one-line errors."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from embedding_gate.data.labelled import read_pairs, read_topics
from embedding_gate.data.retrieval import read_retrieval
from embedding_gate.errors import FixtureError
from embedding_gate.subjects.recorded import read_recorded, recorded_names

ROWS = [
    ("a", "tea\tand\nmilk"),
    ("a", 'he said "no", twice'),
    ("b", "x"),
    ("b", "back\\slash \\d"),
    ("outlier", "ß 日本"),
]


def as_jsonl(path: Path) -> Path:
    lines = [json.dumps({"category": category, "text": text, "more": 1}) for category, text in ROWS]
    path.write_text("\n".join(["", *lines, ""]), encoding="utf-8")
    return path


def as_tsv(path: Path) -> Path:
    escaped = [(c, t.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n")) for c, t in ROWS]
    path.write_text(
        "\r\n".join(f"{c}\t{t}" for c, t in [("Category", "TEXT"), *escaped]), encoding="utf-8-sig"
    )
    return path


def as_csv(path: Path) -> Path:
    quoted = ['{},"{}"'.format(c, t.replace('"', '""')) for c, t in [("category", "text"), *ROWS]]
    path.write_text("\n".join(quoted) + "\n", encoding="utf-8")
    return path


def test_three_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    """Same texts, same SHA-256; tabs, line feeds, quotes and backslashes come through."""
    found = [
        read_topics(as_jsonl(tmp_path / "t.jsonl")),
        read_topics(as_tsv(tmp_path / "t.tsv")),
        read_topics(as_csv(tmp_path / "t.csv")),
    ]
    for topics in found:
        assert list(zip(topics.categories, topics.texts, strict=True)) == ROWS
        assert topics == found[0]
        assert topics.labels[0] == "text-1"


OUTLIERS = [f'{{"category": "outlier", "text": "{letter}"}}\n' for letter in "xyz"]
TOPICS = '{"category": "a", "text": "t"}\n{"category": "a", "text": "u"}\n'


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.jsonl", "", "t.jsonl: holds no row"),
        ("t.jsonl", "\n\n", "t.jsonl: holds no row"),
        ("t.jsonl", TOPICS + "{", "t.jsonl:3: not a JSON object"),
        ("t.jsonl", TOPICS + "[1]", "t.jsonl:3: must be a JSON object"),
        ("t.jsonl", TOPICS + '{"category": "a"}', "t.jsonl:3: lacks text; has category"),
        ("t.jsonl", TOPICS + '{"category": "a", "text": 7}', "t.jsonl:3: text must be a text, got 7"),
        ("t.jsonl", TOPICS + '{"category": "", "text": "v"}', "t.jsonl:3: category must be a text, got ''"),
        ("t.jsonl", TOPICS, r"t.jsonl: must hold two categories of two texts or more, got \{'a': 2\}"),
        ("t.jsonl", TOPICS + OUTLIERS[0], "must hold two categories"),
        ("t.jsonl", TOPICS + TOPICS.replace('"a"', '"b"'), "the same text in a and b: 't'"),
        ("t.jsonl", TOPICS + "".join(OUTLIERS), "3 of 5 texts are outliers"),
        (
            "t.jsonl",
            TOPICS + '{"category": "a", "text": "\\ud83d"}',
            r"t.jsonl:3: text holds a lone surrogate",
        ),
        ("t.jsonl", "[" * 100_000, "t.jsonl:1: not a JSON object"),
        ("t.tsv", "category\ttext\n\t\n", "t.tsv:2: category must be a text, got ''"),
        ("t.jsonl", TOPICS.replace("{", '{"id": "i", '), "t.jsonl:2: label 'i' is there twice"),
        ("t.tsv", "", "t.tsv: holds no row"),
        ("t.tsv", "category\ttext\n", "t.tsv: holds no row"),
        ("t.tsv", "category\ttext\na\tb\tc\n", "t.tsv:2: has 3 columns, the header 2"),
        ("t.tsv", "a\tb\nc\td\n", "t.tsv, header: lacks text; has a, b"),
        ("t.tsv", "text\ttext\nc\td\n", "t.tsv:1: a column is named twice"),
        ("t.jsonl", "category,text\na,b\n", "t.jsonl:1: not a JSON object .*; name a table .csv or .tsv"),
        ("t.csv", TOPICS, "t.csv, header: is a JSON object; name it .jsonl"),
        ("t.csv", 'category,text\na,"b\n', "t.csv:2: not CSV"),
        ("t.csv", 'category,text\na,"b"c\n', "t.csv:2: not CSV"),
        ("t.csv", "category,text\na\n", "t.csv:2: has 1 columns, the header 2"),
        ("t.txt", "a", "must be one of .jsonl, .tsv, .csv, got '.txt'"),
    ],
)
def test_malformed_topics(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(FixtureError, match=words) as caught:
        read_topics(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match=r"none\.tsv: cannot be read \(No such file"):
        read_topics(tmp_path / "none.tsv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(FixtureError, match="is a folder"):
        read_topics(tmp_path / "folder.csv")
    (tmp_path / "latin.csv").write_bytes("category,text\na,caf\xe9\n".encode("latin-1"))
    with pytest.raises(FixtureError, match="is not UTF-8"):
        read_topics(tmp_path / "latin.csv")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("a,b,1\nc,d,x\n", "p.csv:3: score must be a finite number, got 'x'"),
        ("a,b,1\nc,d,nan\n", "p.csv:3: score must be a finite number, got 'nan'"),
        ("a,b,1\nc,d,inf\n", "p.csv:3: score must be a finite number"),
        ("a,b,1\nc,d,\n", "p.csv:3: score must be a finite number"),
        ("a,,1\n", "p.csv:2: sentence2 must be a text"),
        (f"a,b,{'9' * 401}\n", "p.csv:2: score must be a finite number"),
        ("a,b,1\nc,d,2\n", "p.csv: must hold three pairs or more, and two grades"),
        ("a,b,1\nc,d,1\ne,f,1\n", "p.csv: must hold three pairs or more, and two grades"),
        ("", "p.csv: holds no row"),
    ],
)
def test_malformed_pairs(tmp_path: Path, rows: str, words: str) -> None:
    (tmp_path / "p.csv").write_text("sentence1,sentence2,score\n" + rows)
    with pytest.raises(FixtureError, match=words):
        read_pairs(tmp_path / "p.csv")


def beir(folder: Path) -> Path:
    (folder / "qrels").mkdir(parents=True)
    corpus = [
        {"_id": f"p{n}", "title": "T" * (n == 1), "text": f"passage {n}", "metadata": {}} for n in range(4)
    ]
    queries = [{"_id": f"q{n}", "text": f"query {n}"} for n in range(4)]
    for name, rows in (("corpus", corpus), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    judgements = [
        "query-id\tcorpus-id\tscore",
        "q3\tp1\t2",
        "q1\tp0\t1",
        "q3\tp2\t0",
        "q1\tp3\t1",
        "q0\tp0\t0",
    ]
    (folder / "qrels" / "test.tsv").write_text("\n".join(judgements) + "\n")
    return folder


def test_retrieval_in_beir_form(tmp_path: Path) -> None:
    """Queries without a relevant passage are left out; rows count among the queries that stay."""
    found = read_retrieval(beir(tmp_path / "set"))
    assert found.queries == ("query 1", "query 3")
    assert list(found.passages()) == ["passage 0", "T passage 1", "passage 2", "passage 3"]
    assert found.count == 4
    judged = zip(found.query_rows, found.passage_rows, found.gains, strict=True)
    assert sorted(judged) == [(0, 0, 1), (0, 3, 1), (1, 1, 2)]
    few = found.first(1)
    assert few.queries == ("query 1",)
    assert list(few.passages()) == ["passage 0", "passage 3"]
    assert few.passage_rows.tolist() == [0, 1]
    rest = found.first(1, after=1)
    assert rest.queries == ("query 3",)
    assert list(rest.passages()) == ["T passage 1"]
    assert (rest.query_rows.tolist(), rest.passage_rows.tolist()) == ([0], [0])
    assert len({one.sha256 for one in (found, few, rest, found.first(2))}) == 4


def append(name: str, line: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).write_text((folder / name).read_text() + line + "\n")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda f: (f / "corpus.jsonl").unlink(), "corpus.jsonl: cannot be read"),
        (lambda f: (f / "queries.jsonl").unlink(), "queries.jsonl: cannot be read"),
        (lambda f: (f / "qrels" / "test.tsv").unlink(), "test.tsv: cannot be read"),
        (
            lambda f: (f / "qrels" / "test.tsv").rename(f / "qrels" / "dev.tsv"),
            "test.tsv: no such file, and no other .* is read; copy dev.tsv to test.tsv, if its",
        ),
        (append("corpus.jsonl", "{"), "corpus.jsonl:5: not a JSON object"),
        (append("corpus.jsonl", '{"_id": "p1", "text": "t"}'), "corpus.jsonl:5: _id 'p1' is there twice"),
        (append("corpus.jsonl", '{"_id": "p9", "text": 7}'), "corpus.jsonl:5: text must be a text, got 7"),
        (append("queries.jsonl", '{"_id": "q1", "text": "t"}'), "queries.jsonl:5: _id 'q1' is there twice"),
        (append("qrels/test.tsv", "q1\tp0\t2"), "test.tsv:7: judges .* as 2 and before as 1"),
        (append("qrels/test.tsv", "q1\tp2\thigh"), "test.tsv:7: score must be a finite number"),
        (
            lambda f: (f / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tp0\t0\n"),
            "must hold two queries with a relevant passage",
        ),
    ],
)
def test_malformed_retrieval(tmp_path: Path, damage: Callable[[Path], object], words: str) -> None:
    damage(beir(tmp_path))
    with pytest.raises(FixtureError, match=words):
        read_retrieval(tmp_path)


def recorded(folder: Path) -> Path:
    metadata = ["Label\tCategory\tText", *(f"l{n}\t{'ab'[n % 2]}\ttext {n}" for n in range(4))]
    (folder / "metadata_x.tsv").write_text("\n".join(metadata) + "\n")
    (folder / "vectors_x.tsv").write_text("1\t0\n0\t1\n0.5\t-1e-3\n1\t1\n")
    return folder


def test_recorded_vectors(tmp_path: Path) -> None:
    assert recorded_names(recorded(tmp_path)) == ["x"]
    topics, vectors = read_recorded(tmp_path, "x")
    assert topics.labels == ("l0", "l1", "l2", "l3")
    assert vectors.shape == (4, 2)
    assert vectors[2].tolist() == pytest.approx([0.5, -1e-3])
    path = tmp_path / "vectors_x.tsv"
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert read_recorded(tmp_path, "x")[1].shape == (4, 2)


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("vectors_x.tsv", "0\t1\n", "0\n", "vectors_x.tsv:2: has 1 numbers, the first line 2"),
        ("vectors_x.tsv", "0\t1\n", "0\tone\n", "vectors_x.tsv:2: not numbers"),
        ("vectors_x.tsv", "0\t1\n", "0\tnan\n", "vectors_x.tsv:2: holds NaN, infinity"),
        ("vectors_x.tsv", "0\t1\n", "0\t1e39\n", "vectors_x.tsv:2: holds NaN, infinity, or what float32"),
        ("vectors_x.tsv", "0\t1\n", "", "holds 3 vectors, metadata_x.tsv 4 texts"),
        ("vectors_x.tsv", "1\t0\n0\t1\n0.5\t-1e-3\n1\t1\n", "", "holds 0 vectors, metadata_x.tsv 4 texts"),
        ("metadata_x.tsv", "l1", "l0", "metadata_x.tsv:3: label 'l0' is there twice"),
        ("metadata_x.tsv", "\tb\t", "\ta\t", "must hold two categories"),
        ("metadata_x.tsv", "Category", "Kind", "metadata_x.tsv, header: lacks category"),
    ],
)
def test_malformed_recorded_vectors(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    path = recorded(tmp_path) / name
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(FixtureError, match=words):
        read_recorded(tmp_path, "x")


def test_recorded_files_come_in_twos(tmp_path: Path) -> None:
    with pytest.raises(FixtureError, match=r"holds no vectors_X\.tsv"):
        recorded_names(tmp_path)
    with pytest.raises(FixtureError, match="no such folder"):
        recorded_names(tmp_path / "none")
    recorded(tmp_path)
    (tmp_path / "vectors_y.tsv").write_text("1\n")
    with pytest.raises(FixtureError, match="lacks vectors or metadata of y"):
        recorded_names(tmp_path)
