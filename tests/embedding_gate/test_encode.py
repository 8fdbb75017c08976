"""encode: a folder that is the same however the texts are written, and however often a run was stopped."""

import csv
import fcntl
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate import verify_command
from embedding_gate.corpus import encode as encoding
from embedding_gate.corpus.model import Model
from embedding_gate.data.encoded.manifest import read_manifest
from embedding_gate.data.encoded.shards import Shards, name_of, read_shard
from embedding_gate.data.encoded.texts import CHARACTERS, read_corpus, windows
from embedding_gate.errors import FixtureError
from embedding_gate.signals import Stopped
from tests.support import tiny
from tests.support.corpora import encode, errors, shards, write_corpus

COUNT = 100


@dataclass(frozen=True)
class Made:
    """Texts, a model, and the folder of an undisturbed run."""

    corpus: Path
    model: Path
    whole: Path


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    root = tmp_path_factory.mktemp("made")
    found = Made(write_corpus(root / "corpus.jsonl", COUNT), tiny.build(root / "tiny"), root / "whole")
    assert encode(found.corpus, found.whole, found.model) == 0
    return found


def test_each_text_has_its_vector(made: Made) -> None:
    """The library's own vectors, in the order of the input, each beside its id."""
    manifest, known = read_manifest(made.whole), list(read_corpus(made.corpus))
    read = [read_shard(made.whole, manifest, number) for number in range(len(manifest.shards))]
    assert [name for ids, _ in read for name in ids] == [name for name, _ in known]
    with pytest.warns(embeddings.TruncationWarning):
        expected = embeddings.load(made.model).encode([text for _, text in known])
    np.testing.assert_allclose(np.concatenate([vectors for _, vectors in read]), expected, atol=2e-6)
    assert manifest.count == COUNT
    assert len(Shards(made.whole, manifest)) == COUNT


@pytest.mark.parametrize("form", ["tsv", "csv", "txt", "beir"])
def test_every_form_of_texts(form: str, made: Made, tmp_path: Path) -> None:
    """The vectors are those of JSONL. Plain lines have numbers for ids."""
    rows, path = list(read_corpus(made.corpus)), tmp_path / f"texts.{form}"
    if form == "beir":
        path.mkdir()
        (path / "corpus.jsonl").write_bytes(made.corpus.read_bytes())
    elif form == "txt":
        path.write_text("\n\n".join(text for _, text in rows))
    else:
        with path.open("w", newline="") as file:
            table = csv.writer(file, delimiter="\t" if form == "tsv" else ",", lineterminator="\n")
            table.writerows([("id", "text"), *rows])
    assert encode(path, tmp_path / "out", made.model) == 0
    one, other = (Shards(folder, read_manifest(folder)) for folder in (made.whole, tmp_path / "out"))
    np.testing.assert_array_equal(np.concatenate(list(one)), np.concatenate(list(other)))
    ids = [name for name, _ in read_corpus(path)]
    assert ids == (
        [str(2 * row + 1) for row in range(COUNT)] if form == "txt" else [name for name, _ in rows]
    )


def test_a_title_goes_before_a_passage(tmp_path: Path) -> None:
    """In a row of BEIR, which has _id, as where the gate judges retrieval."""
    path = tmp_path / "a.jsonl"
    rows = [{"_id": "a", "title": "T", "text": "x"}, {"id": 7, "title": "T", "text": "y"}, {"text": "z"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert list(read_corpus(path)) == [("a", "T x"), ("7", "y"), ("3", "z")]


def test_long_texts_make_small_windows() -> None:
    long = "x" * (CHARACTERS // 2)
    assert [len(window.texts) for window in windows([("a", long)] * 5, 100)] == [3, 2]


@pytest.mark.parametrize("harm", ["gone", "cut", "another", "part", "manifest"])
def test_what_a_crash_may_leave_is_mended(harm: str, made: Made, tmp_path: Path) -> None:
    """Byte for byte as without it: a shard is missing, cut, or another one, or a file is unfinished."""
    folder = tmp_path / "out"
    folder.mkdir()
    for name, content in shards(made.whole).items():
        (folder / name).write_bytes(content)
    one, other = folder / name_of(2), folder / name_of(3)
    if harm == "gone":
        one.unlink()
    elif harm == "cut":
        one.write_bytes(one.read_bytes()[:-7])
    elif harm == "another":
        one.write_bytes(other.read_bytes())
    elif harm == "part":
        one.rename(folder / f".{one.name}.part")
    else:
        (folder / ".manifest.json.part").write_bytes(b"{")
        one.unlink()
    assert encode(made.corpus, folder, made.model) == 0
    assert shards(folder) == shards(made.whole)


@pytest.fixture
def calls(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Stop the run while it encodes or writes a shard. Return a list of one number: the calls of encode."""
    stop, calls = request.param, [0]
    real, real_write = Model.encode, Path.write_bytes

    def counted(self: Model, texts: list[str]) -> object:
        calls[0] += 1
        if calls[0] == 4 and isinstance(stop, Stopped):
            raise stop
        return real(self, texts)

    def write(self: Path, content: bytes) -> int:
        if "shard-000003" in self.name and isinstance(stop, OSError) and calls[0] < 10:
            real_write(self, content[:9])
            raise stop
        return real_write(self, content)

    monkeypatch.setattr(Model, "encode", counted)
    monkeypatch.setattr(Path, "write_bytes", write)
    return calls


@pytest.mark.parametrize(
    ("calls", "code"), [(Stopped(15), 2), (OSError(28, "No space left on device"), 4)], indirect=["calls"]
)
def test_a_run_is_stopped_and_goes_on(
    calls: list[int], code: int, made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """By a signal while it computes, or by a full disk: one line, and only what is left is encoded again."""
    folder = tmp_path / "out"
    assert encode(made.corpus, folder, made.model) == code
    assert "run the same command again" in errors(capsys)
    assert not list(folder.glob(".shard*"))
    done, calls[0] = len(list(folder.glob("shard*"))), 10
    assert done == 3
    assert encode(made.corpus, folder, made.model) == 0
    assert calls[0] == 10 + 7 - done
    assert shards(folder) == shards(made.whole)


def test_another_run_is_not_mixed_in(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Other texts, another size of shards or another type: the line says which."""
    other = write_corpus(tmp_path / "other.jsonl", COUNT, seed=1)
    before = shards(made.whole)
    capsys.readouterr()
    for given, words in (
        ((other,), "differs in input;"),
        ((made.corpus, "--dtype=float16"), "differs in dtype;"),
        ((made.corpus, "--truncate-dim=8"), "differs in dimension, the option truncate_dim;"),
    ):
        assert encode(given[0], made.whole, made.model, *given[1:]) == 4
        assert words in errors(capsys)
    assert encode(made.corpus, made.whole, made.model, shard_texts=17) == 4
    assert "differs in shard_texts, input;" in errors(capsys)
    assert encode(made.corpus, made.corpus.parent, made.model) == 4
    assert "holds corpus.jsonl and no manifest.json" in errors(capsys)
    assert shards(made.whole) == before


def test_texts_that_change_during_the_run(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.jsonl"
    mine.write_bytes(made.corpus.read_bytes())
    real = encoding._begin

    def begin(*given: object) -> None:
        mine.write_bytes(made.corpus.read_bytes().replace(b"d40", b"e40"))
        real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(encoding, "_begin", begin)
    assert encode(mine, tmp_path / "out", made.model) == 4
    assert "the texts from number 33 on changed during the run" in errors(capsys)


def test_two_runs_do_not_write_one_folder(
    made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    handle = os.open(tmp_path / "out" / ".lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    try:
        assert encode(made.corpus, tmp_path / "out", made.model) == 4
    finally:
        os.close(handle)
    assert "another run writes it" in errors(capsys)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.parquet", b"PAR1", "Parquet is not read; convert it to JSONL"),
        ("a.txt", b"\n \n", "holds no text"),
        ("a.txt", b"\xff\n", "is not UTF-8"),
        ("a.jsonl", b'{"text": " "}', "a.jsonl:1: text must be a text"),
        ("a.jsonl", b'{"text": "a", "_id": null}', "a.jsonl:1: _id must be a text"),
        ("a.jsonl", b'{"text": "a\\ud800"}', "lone surrogate"),
        ("a.doc", b"a", "must be one of .jsonl, .tsv, .csv"),
    ],
)
def test_texts_that_cannot_be_read(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FixtureError, match=words):
        list(read_corpus(tmp_path / name))


def test_a_pipe_is_no_corpus(tmp_path: Path) -> None:
    """It would never end."""
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(FixtureError, match="is no file"):
        next(read_corpus(tmp_path / "a.txt"))


def test_by_another_subject(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A function in a process of its own. What it gives is stored, and verified by asking it again."""
    subject = "--subject=python:tests.support.subjects:hashed"
    assert encode(made.corpus, tmp_path / "out", made.model, subject, "--truncate-dim=4") == 4
    assert "does not offer it" in errors(capsys)
    assert encode(made.corpus, tmp_path / "out", made.model, subject) == 0
    assert verify_command.main([str(tmp_path / "out")]) == 0
    assert "64 texts encoded anew differ by 0 " in capsys.readouterr().out
