"""Reading a corpus takes no more memory for more texts, in whatever form the file is."""

import csv
import json
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from embedding_gate.data.encoded.texts import read_corpus
from embedding_gate.errors import FixtureError

TEXTS = [f'she said "{number}" and ' + "left " * 40 for number in range(2_000)]
MOST = 200_000  # bytes; readers were seen to take up to 58,000, or 680,000 where all texts are kept


def separated(file: Path, separator: str) -> None:
    with file.open("w", newline="") as out:
        rows = [("text",), *((text,) for text in TEXTS)]
        csv.writer(out, delimiter=separator, quoting=csv.QUOTE_ALL).writerows(rows)


WRITERS: dict[str, Callable[[Path], object]] = {
    "c.jsonl": lambda file: file.write_text("\n".join(json.dumps({"text": text}) for text in TEXTS)),
    "c.txt": lambda file: file.write_text("\n".join(TEXTS)),
    "c.csv": lambda file: separated(file, ","),
    "plain.tsv": lambda file: file.write_text("\n".join(["text", *TEXTS])),
    "quoted.tsv": lambda file: separated(file, "\t"),
}


def peak(texts: Iterable[object], kept: int | None) -> int:
    """Return the bytes that Python holds at most, where so many texts are kept."""
    tracemalloc.start()
    try:
        deque(texts, maxlen=kept)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()  # else the next test counts what was read here


@pytest.mark.parametrize("name", WRITERS)
def test_one_text_is_in_memory_at_a_time(name: str, tmp_path: Path) -> None:
    file = tmp_path / name
    WRITERS[name](file)
    assert [text for _, text in read_corpus(file)] == TEXTS
    assert peak(read_corpus(file), 1) < MOST
    assert peak(read_corpus(file), None) > 2 * MOST


def test_a_mark_that_is_never_closed_does_not_join_all_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row of many lines has at most the characters of a line."""
    file = tmp_path / "c.tsv"
    file.write_text('text\n"one ""word"""\n"never closed\n' + "more\n" * 100 + '"')
    monkeypatch.setattr("embedding_gate.data.tsv.LONGEST", 40)
    with pytest.raises(FixtureError, match=r":2: quotes as pandas writes them, but line 3 has none"):
        peak(read_corpus(file), 1)
