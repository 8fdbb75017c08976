"""Reads the texts of a corpus one at a time, and groups them into windows. One window becomes one shard."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from embedding_gate.data.retrieval import passage_of
from embedding_gate.data.row import Row
from embedding_gate.data.rows import numbered_lines, read_rows
from embedding_gate.errors import FixtureError

__all__ = ["CHARACTERS", "Window", "read_corpus", "windows"]

CHARACTERS = 1 << 23  # of a window: so many long texts do not fill the memory
IDS = ("_id", "id")  # the columns that name a text, in the order in which they are looked for


@dataclass(frozen=True)
class Window:
    """Some texts that stand one after another in the input, each with an id.

    number: of the window, from 0. first: the number of its first text in the input, from 0.
    """

    number: int
    first: int
    ids: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of ids and texts, each after its length."""
        digest = hashlib.sha256()
        for name, text in zip(self.ids, self.texts, strict=True):
            for part in (name.encode(), text.encode()):
                digest.update(len(part).to_bytes(8, "little") + part)
        return digest.hexdigest()

    @cached_property
    def characters(self) -> int:
        """The number of characters of its texts."""
        return sum(map(len, self.texts))


def windows(corpus: Iterable[tuple[str, str]], most: int) -> Iterator[Window]:
    """Group texts, given as (id, text), into windows of at most ``most`` texts and about CHARACTERS."""
    window, characters = Window(0, 0), 0
    for name, text in corpus:
        if len(window.texts) == most or characters > CHARACTERS:
            yield window
            window, characters = Window(window.number + 1, window.first + len(window.texts)), 0
        window.ids.append(name)
        window.texts.append(text)
        characters += len(text)
    if window.texts:
        yield window


def read_corpus(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the id and the text of each row. Memory does not grow with the number of rows.

    path: a .jsonl, .tsv or .csv file with a column text; a folder in BEIR form; a .txt file, each line of
    which is a text. The id is the column ``_id`` or ``id``, else the number of the row, or of the line. A
    title goes before the text of a row with ``_id``, and such a row without either is left out, as BEIR has
    it. Empty lines are left out.

    Raises:
        FixtureError: the file cannot be read, or a row has no text; names the line.

    """
    if path.is_dir():
        path /= "corpus.jsonl"
    if path.suffix == ".parquet":
        raise FixtureError(path, "Parquet is not read", hint="convert it to JSONL")
    if path.suffix == ".txt":
        yield from _plain_lines(path)
        return
    for number, row in enumerate(read_rows(path, ("text",)), start=1):
        if text := passage_of(row) if "_id" in row.values else row.text("text"):
            yield _id_of(row, number), text


def _id_of(row: Row, number: int) -> str:
    column = next((column for column in IDS if column in row.values), None)
    value = number if column is None else row.values[column]
    return str(value) if type(value) is int else row.text(str(column))


def _plain_lines(path: Path) -> Iterator[tuple[str, str]]:
    empty = True
    for where, line in numbered_lines(path):
        empty = False
        yield where.rpartition(":")[2], line
    if empty:
        raise FixtureError(path, "holds no text", hint="restore the file")
