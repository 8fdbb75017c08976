"""Retrieval over a folder of shards: the figures of vectors in memory, one shard in memory at a time."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from embedding_gate.adapter import open_subject
from embedding_gate.corpus.passages import open_passages
from embedding_gate.data.encoded.manifest import MANIFEST
from embedding_gate.data.encoded.shards import Shards, name_of
from embedding_gate.errors import FixtureError, InputError
from embedding_gate.metrics import ranking
from embedding_gate.metrics.ranking import cosines_by_query
from embedding_gate.own_files import Options
from tests.support import tiny
from tests.support.corpora import encode

WORDS = "river stone bread window garden letter morning engine paper bridge winter harbor".split()
PASSAGES = [f"{one} {other}" for one in WORDS for other in WORDS]


@pytest.fixture
def made(tmp_path: Path) -> Options:
    """Return a model, passages, queries and the folder of the passages' vectors."""
    root = tmp_path / "set"
    (root / "qrels").mkdir(parents=True)
    rows = {"corpus": PASSAGES, "queries": WORDS}
    for file, texts in rows.items():
        lines = [json.dumps({"_id": f"{file[0]}{row}", "text": text}) for row, text in enumerate(texts)]
        (root / f"{file}.jsonl").write_text("\n".join(lines))
    judged = [f"q{row}\tc{row * len(WORDS) + 1}\t1" for row in range(len(WORDS))]
    (root / "qrels" / "test.tsv").write_text("\n".join(["query-id\tcorpus-id\tscore", *judged]))
    model = tiny.build(tmp_path / "tiny")
    assert encode(root, tmp_path / "out", model, shard_texts=50) == 0
    return Options(retrieval=root, encoded=tmp_path / "out", baseline=None)


def test_the_figures_are_those_of_memory(made: Options) -> None:
    """Rankings and single vectors, in the order that a caller asks for."""
    assert made.encoded is not None
    subject = open_subject(str(made.encoded.parent / "tiny"), made)
    queries, passages = subject.retrieval.vectors
    shards = open_passages(subject, made)
    assert shards is not None
    subject.passages = shards
    del subject.__dict__["retrieval"]
    again, found = subject.retrieval.vectors
    assert isinstance(found, Shards)
    np.testing.assert_array_equal(again, queries)
    one, other = (np.array(list(cosines_by_query(queries, of))) for of in (passages, shards))
    np.testing.assert_allclose(
        one, other, atol=2e-6
    )  # a ranking could differ where two of a query are as near
    rows = np.array([143, 0, 49, 50, 99, 0])
    np.testing.assert_allclose(shards[rows], passages[rows], atol=2e-6)


class Counted:
    """Blocks of which none may be kept when the next one is read."""

    def __init__(self, passages: NDArray[np.float32], size: int) -> None:
        self._passages, self._size, self.read = passages, size, 0

    def __len__(self) -> int:
        return len(self._passages)

    def __iter__(self) -> Iterator[NDArray[np.float32]]:
        for start in range(0, len(self._passages), self._size):
            self.read += 1
            yield self._passages[start : start + self._size]


def test_blocks_are_read_for_a_few_queries_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """So memory holds no more cosines than _SCORES."""
    draw = np.random.default_rng(0)  # of whole numbers: their products are exact in any order
    queries, passages = (draw.integers(-9, 9, size=(size, 8)).astype(np.float32) for size in (7, 100))
    whole = np.array(list(cosines_by_query(queries, passages)))
    monkeypatch.setattr(ranking, "_SCORES", 250)
    blocks = Counted(passages, 30)
    np.testing.assert_array_equal(np.array(list(cosines_by_query(queries, blocks))), whole)
    assert blocks.read == 4 * 4  # four groups of two queries, four blocks each


def edit(folder: Path, change: Callable[[Any], object]) -> None:
    found = json.loads((folder / MANIFEST).read_text())
    change(found)
    (folder / MANIFEST).write_text(json.dumps(found))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda found: found["identity"].update(weights="0" * 64), "is of a model that differs in weights"),
        (
            lambda found: found["options"].update(prompt_name="query"),
            "has the prompt query before each",
        ),
        (lambda found: found["shards"][1].update(sha256=""), "the run that writes it has not ended"),
        (lambda found: found["shards"][1].update(texts="0" * 64), "is not of the passages of"),
    ],
)
def test_a_folder_of_something_else(change: Callable[[Any], object], words: str, made: Options) -> None:
    assert made.encoded is not None
    subject = open_subject(str(made.encoded.parent / "tiny"), made)
    edit(made.encoded, change)
    with pytest.raises(InputError, match=words):
        open_passages(subject, made)


def test_a_damaged_shard_is_no_ranking(made: Options) -> None:
    """It is found when it is read, in the middle of a run."""
    assert made.encoded is not None
    subject = open_subject(str(made.encoded.parent / "tiny"), made)
    shards = open_passages(subject, made)
    assert isinstance(shards, Shards)
    path = made.encoded / name_of(1)
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    with pytest.raises(FixtureError, match="does not hold what was written"):
        list(cosines_by_query(np.ones((1, 16), np.float32), shards))
