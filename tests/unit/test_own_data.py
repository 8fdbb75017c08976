"""Recorded vectors and texts of one's own, judged as a user has them judged."""

import json
import re
import tracemalloc
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import embeddings
from embedding_gate import adapter, own_files, session
from embedding_gate.checks import test_published, test_topics
from embedding_gate.claims.published import compare, measure, read_published
from embedding_gate.data.labelled import Part, Topics
from embedding_gate.data.projector import write_projector
from embedding_gate.data.retrieval import read_retrieval
from embedding_gate.errors import FixtureError
from embedding_gate.metrics.ranking import ndcg, rank
from embedding_gate.subjects.embedded import Embedded, embed
from embedding_gate.verdicts.gate import CheckFailed
from embeddings.tokens import TokenizedTexts
from tests.faults.catalogue import injected
from tests.unit import tiny
from tests.unit.test_interface import pytest_run

TOPICS = own_files.sets().topics


def record(folder: Path, vectors: NDArray[np.floating], name: str = "mystery", upper: bool = False) -> Path:
    texts = [text.upper() if upper else text for text in TOPICS.texts]
    some = vectors.astype(np.float32)
    write_projector(folder, name, some, labels=TOPICS.labels, categories=TOPICS.categories, texts=texts)
    return folder


def right() -> NDArray[np.float32]:
    golden = own_files.golden("all-MiniLM-L6-v2")
    assert golden is not None
    return golden.sets[TOPICS.sha256][0]


def test_recorded_vectors(tmp_path: Path) -> None:
    """What --projector writes passes by the model's own thresholds; broken vectors fail under whatever name.

    All have norm 1. Published figures stand beside those of a published model's name.
    """
    exported = pytest_run(
        "embedding_gate/checks/test_topics.py", "-k", "mean_norm", f"--projector={tmp_path}"
    )
    assert exported.returncode == 0, exported.stdout
    assert "projector: vectors_all-MiniLM-L6-v2.tsv, metadata_all-MiniLM-L6-v2.tsv" in exported.stdout
    count = len(TOPICS.texts)
    drawn = np.random.default_rng(0).normal(size=(count, 384))
    record(tmp_path, np.eye(1, 384).repeat(count, axis=0), "constant")
    record(tmp_path, drawn / np.linalg.norm(drawn, axis=1, keepdims=True), "random")
    with injected("first-token pooling"):
        record(tmp_path, embeddings.load().encode(TOPICS.texts), "first")
    record(tmp_path, np.roll(right(), 1, axis=0), "shifted")
    food, sports = (np.array(TOPICS.categories) == name for name in ("food", "sports"))
    exchanged = right().copy()
    exchanged[food], exchanged[sports] = right()[sports], right()[food]
    record(tmp_path, exchanged, "exchanged")
    record(tmp_path, right(), "medium")
    done = pytest_run("-m", "quality", f"--recorded={tmp_path}")
    assert done.returncode == 1, done.stdout
    tables = re.split(r"^=+ embedding gate =+$", done.stdout, flags=re.MULTILINE)[1:]
    reds = {
        table.split(":")[0].strip(): set(re.findall(r"^  (\S.*?)  .*FAIL$", table, re.MULTILINE))
        for table in tables
    }
    assert reds == {
        "all-MiniLM-L6-v2": set(),
        "constant": {"distinctness", "texts by chance", "topics by chance", "topics beside baseline"},
        "random": {"texts by chance", "topics by chance", "topics beside baseline"},
        "first": {"topics beside baseline"},
        "shifted": {"texts by chance"},
        "exchanged": {"texts by chance"},
        "medium": set(),
    }
    assert "all-MiniLM-L6-v2: 19 checks passed, 1 not applicable" in done.stdout
    published = tables[sorted(reds).index("medium")]
    assert re.search(r"published of Qwen3-Embedding-4B +published +measured +verdict", published)
    assert re.search(r"cohesion +0.652 +0.166\d* +not comparable", published)
    assert re.search(r"dimension +2560 +384 +not comparable", published)
    assert re.search(r"latency, ms +8.77 +- +not measured here", published)


@pytest.mark.parametrize(
    ("baseline", "outcome", "words"),
    [(None, "not applicable", "--baseline none"), ("all-MiniLM-L6-v2", "pass", "beside all-MiniLM-L6-v2")],
)
def test_texts_without_goldens(tmp_path: Path, baseline: str | None, outcome: str, words: str) -> None:
    """The baseline encodes them; without one the table says so."""
    folder = record(tmp_path, right(), upper=True)
    recorded = session.open_recorded(folder, "mystery", own_files.Options(baseline=baseline))
    gate = session.open_recorded_gate(recorded)
    with gate.claim("test_topics_beside_baseline"):
        test_topics.test_topics_beside_baseline(recorded.topics, gate)
    assert gate.verdicts[0].outcome == outcome
    assert words in gate.verdicts[0].evidence


def test_a_text_that_a_tokenizer_takes_for_another() -> None:
    """It may have the same vector: emoji that the vocabulary lacks, and what lies beyond the limit."""
    texts = ("my pet is a 🐶", "my pet is a 🐱", "word " * 300 + "one", "word " * 300 + "two", "tea", "milk")
    topics = Topics(tuple("abcdef"), tuple("xxyyzz"), texts, "")
    model = embeddings.load()
    gate = session.open_gate(adapter.open_subject("all-MiniLM-L6-v2"))
    embedded = Embedded(topics, lambda: [model.encode(texts)], None, tokenize=model.tokenize)
    with gate.claim("test_distinctness"):
        test_topics.test_distinctness(embedded, gate)
    embedded.vectors[0][5] = embedded.vectors[0][4]
    with pytest.raises(CheckFailed, match="texts: e, f"), gate.claim("test_distinctness"):
        test_topics.test_distinctness(embedded, gate)


def test_a_baseline_is_the_model_only_where_it_is_the_same_folder(tmp_path: Path) -> None:
    """Old against new is what a pull request asks, and both are often called alike."""
    old, new = (tiny.build(tmp_path / side / "model", max_tokens=140) for side in ("old", "new"))
    for source, compared in ((str(old), True), (str(new), False)):
        subject = adapter.open_subject(str(new), own_files.Options(baseline=source))
        assert (subject.topics.baseline is not None) is compared
        assert subject.notes[0] == f"  baseline: {source}, has no goldens: taken on trust"


def test_a_baseline_that_is_chance_measures_nothing(tmp_path: Path) -> None:
    own = record(tmp_path, right(), upper=True)
    recorded = session.open_recorded(own, "mystery")
    recorded.topics.baseline_vectors = [np.random.default_rng(0).normal(size=(104, 8)).astype(np.float32)]
    gate = session.open_recorded_gate(recorded)
    with pytest.raises(CheckFailed, match="no better than chance"), gate.claim("test_topics_beside_baseline"):
        test_topics.test_topics_beside_baseline(recorded.topics, gate)


def test_a_published_figure_that_is_not_reproduced_is_red(tmp_path: Path) -> None:
    """On the published texts every figure binds; here these texts are said to be the published ones."""
    recorded = session.open_recorded(record(tmp_path, right(), "medium"), "medium")
    published = replace(read_published(own_files.FIXTURES / "published.toml"), texts=TOPICS.sha256_of_texts)
    found = compare(published, "medium", measure(right(), TOPICS), TOPICS.sha256_of_texts)
    gate = session.open_recorded_gate(recorded)
    with pytest.raises(CheckFailed, match="not reproduced: dimension"), gate.claim("test_published_figures"):
        test_published.test_published_figures(found, gate)


def test_a_broken_library_is_no_baseline() -> None:
    """Were its vectors taken, whatever is as broken would not be worse."""
    baseline = adapter.open_baseline("all-MiniLM-L6-v2")
    assert baseline is not None
    with injected("first-token pooling"), pytest.raises(FixtureError, match="strays from its goldens by"):
        _ = baseline.encoder


@pytest.fixture
def own(tmp_path: Path) -> dict[str, Path]:
    """A small set of each kind, of texts that the gate does not have."""
    (tmp_path / "qrels").mkdir()
    topics = [
        f"{category},{text.upper()}"
        for category, text in zip(TOPICS.categories, TOPICS.texts, strict=True)
        if "," not in text
    ]
    (tmp_path / "topics.csv").write_text("\n".join(["category,text", *topics]))
    pairs = own_files.sets().pairs
    rows = zip(pairs.one, pairs.other, pairs.grades, strict=True)
    lines = [f"{one.upper()}\t{other}\t{grade}" for one, other, grade in rows]
    (tmp_path / "pairs.tsv").write_text("\n".join(["sentence1\tsentence2\tscore", *lines]))
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/test.tsv"):
        (tmp_path / name).write_bytes((own_files.FIXTURES / "retrieval" / name).read_bytes())
    with (tmp_path / "corpus.jsonl").open("a") as corpus:
        corpus.write(json.dumps({"_id": "long", "text": "a long passage " * 200}) + "\n")
    return {"topics": tmp_path / "topics.csv", "sts": tmp_path / "pairs.tsv", "retrieval": tmp_path}


PART = tuple(f"embedding_gate/checks/test_{name}.py" for name in ("topics", "pairs", "retrieval"))


def test_texts_of_ones_own(own: dict[str, Path], tmp_path: Path) -> None:
    """The same checks; the gate's thresholds do not bind them, a threshold of one's own does."""
    thresholds = tmp_path / "thresholds.toml"
    thresholds.write_text(
        "version = 2\n[[threshold]]\n"
        'check = "retrieval"\nmodel = "all-MiniLM-L6-v2"\nat_least = 0.9\nmeasured = 0.95\n'
        f'source = "hope"\nfixture = "{read_retrieval(own["retrieval"]).sha256}"\n'
        '[[threshold]]\ncheck = "pairs"\nmodel = "nobody"\nat_least = 0.9\nmeasured = 0.95\n'
        f'source = "hope"\nfixture = "{"0" * 64}"\n'
    )
    options = [f"--{name}={path}" for name, path in own.items()]
    done = pytest_run(*PART, *options, f"--thresholds={thresholds}")
    assert done.returncode == 1, done.stdout
    assert re.search(r"1 of \d+ checks red", done.stdout)
    assert re.search(r"retrieval +0.7\d+ +>= 0.9 \(own\) +0.8\d+x +FAIL", done.stdout)
    assert re.search(
        r"FAIL: a threshold of .* that binds nothing here: pairs of nobody on texts 0000", done.stdout
    )
    assert re.search(r"  retrieval: SHA-256 [0-9a-f]{64}", done.stdout)
    assert re.search(r"retrieval: nDCG@10 0.7\d+, recall@10 0.\d+, MRR 0.\d+", done.stdout)
    assert re.search(r"  cohesion +0.1\d+ +- +- +not calibrated", done.stdout)
    assert re.search(r"topics by chance +0.0005 .*pass", done.stdout)
    same = r"pairs beside baseline .*not applicable\n(.*beside baseline .*\n)* +the model is the baseline"
    assert re.search(same, done.stdout)
    assert "  passages: 1 of 442 texts were cut at 256 tokens" in done.stdout


class Hashing:
    """An encoder that costs nothing: a vector seeded by the length of the text."""

    dimension, max_tokens, prompts = 64, 8, ("query", "document")

    def __init__(self) -> None:
        self.asked: list[tuple[int, str | None]] = []

    def encode(self, texts: Sequence[str], *, prompt_name: str | None = None) -> NDArray[np.float32]:
        """(N, 64)."""
        self.asked.append((len(texts), prompt_name))
        return np.array(
            [np.random.default_rng(len(text)).normal(size=64) for text in texts], dtype=np.float32
        )

    def tokenize(self, texts: Sequence[str], *, prompt_name: str | None = None) -> TokenizedTexts:  # noqa: ARG002
        """One token each, and those beyond a thousand characters cut off."""
        lengths = np.array([len(text) // 1000 for text in texts])
        return TokenizedTexts([np.zeros(1, np.int32)] * len(texts), lengths)


def large_set(folder: Path, passages: int) -> Path:
    (folder / "qrels").mkdir(parents=True)
    with (folder / "corpus.jsonl").open("w") as corpus:
        for number in range(passages):
            corpus.write(
                json.dumps({"_id": str(number), "text": f"{number} " + "word " * (200 + number % 7)}) + "\n"
            )
    (folder / "queries.jsonl").write_text('{"_id": "a", "text": "x"}\n{"_id": "b", "text": "y"}\n')
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\na\t1\t1\nb\t2\t1\n")
    return folder


def test_memory_does_not_grow_with_the_texts(tmp_path: Path) -> None:
    """Twice the passages cost their vectors, ids and scores: nothing near the kilobyte that each text has."""
    peaks = {}
    for passages in (3000, 6000):
        folder = large_set(tmp_path / str(passages), passages)
        tracemalloc.start()
        found = read_retrieval(folder)
        queries, vectors = embed(Hashing(), found)  # type: ignore[arg-type]
        ndcg(rank(queries, vectors, found), found)
        peaks[passages] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert (peaks[6000] - peaks[3000]) / 3000 < 64 * 4 + 250  # measured 395: vector 256, scores, id


def test_roles_and_notes() -> None:
    """Queries and documents get the model's prompts for them; texts that were cut are told of."""
    notes: list[str] = []
    encoder = Hashing()

    class Labelled:
        sha256 = ""
        parts = (
            Part("queries", ["q"], 1, "query"),
            Part("passages", ["p", "p" * 1000], 2, "document"),
            Part("topics", ["t"], 1),
        )

    embed(encoder, Labelled(), notes.append)  # type: ignore[arg-type]
    assert encoder.asked == [(1, "query"), (2, "document"), (1, None)]
    assert notes == ["  passages: 1 of 2 texts were cut at 8 tokens"]


def test_progress(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes longer than two seconds shows how far it is."""
    clock: Iterator[float] = iter(np.arange(0.0, 1e6, 15.0))
    monkeypatch.setattr("tqdm.std.time", lambda: next(clock))
    embed(Hashing(), read_retrieval(large_set(tmp_path, 2000)))  # type: ignore[arg-type]
    assert re.search(r"passages: +\d+%.*/2000", capsys.readouterr().err)
