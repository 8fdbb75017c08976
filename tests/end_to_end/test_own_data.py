"""A user's recorded vectors and texts, judged as a user runs the gate."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

import embeddings
from embedding_gate import own_files
from embedding_gate.data.retrieval import read_retrieval
from tests.faults.catalogue import injected
from tests.support.commands import pytest_run
from tests.support.recorded import TOPICS, record, right


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
        corpus.write(json.dumps({"_id": "empty", "title": "", "text": ""}) + "\n")
    asked = json.loads((tmp_path / "queries.jsonl").read_text().split("\n")[0])["_id"]
    with (tmp_path / "qrels" / "test.tsv").open("a") as judgements:
        judgements.write(f"{asked}\tgone\t1\n{asked}\tlong\t-1\n")
    return {"topics": tmp_path / "topics.csv", "sts": tmp_path / "pairs.tsv", "retrieval": tmp_path}


PART = tuple(f"embedding_gate/checks/test_{name}.py" for name in ("topics", "pairs", "retrieval"))


def test_texts_of_ones_own(own: dict[str, Path], tmp_path: Path) -> None:
    """The same checks; the gate's thresholds do not bind them, a user's threshold does."""
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
        r"FAIL: a threshold of .* binds nothing here: pairs of nobody on texts 0000", done.stdout
    )
    assert re.search(r"  retrieval: SHA-256 [0-9a-f]{64}", done.stdout)
    assert re.search(r"retrieval: nDCG@10 0.7\d+, recall@10 0.\d+, MRR 0.\d+", done.stdout)
    assert re.search(r"  cohesion +0.1\d+ +- +- +not calibrated", done.stdout)
    assert re.search(r"topics by chance +0.0005 .*pass", done.stdout)
    same = r"(  (\w+ beside baseline|texts by chance) .*not applicable\n){4} +the model is the baseline"
    assert re.search(same, done.stdout)
    assert "  passages: 1 of 442 texts were cut at 256 tokens" in done.stdout
    for note in (
        "1 judgements below 0 count as not relevant",
        "left out: 1 judgements of ids that corpus.jsonl lacks, first 'gone'",
        "left out: 1 passages without a text",
    ):
        assert f"  retrieval: {note}\n" in done.stdout
    assert re.search(r"MRR 0.\d+; as BEIR counts missing passages, nDCG@10 0.7\d+", done.stdout)
