"""Reads rows of JSONL, TSV and CSV files, one at a time, each with its line number."""

import csv
import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from embedding_gate.data.tsv import HEAD, LONGEST, dialect_of, lines_of, read_tsv, whole_lines
from embedding_gate.errors import FixtureError

__all__ = ["Row", "content_hash", "opened", "read_rows", "tsv_notes", "unique"]


@dataclass(frozen=True)
class Row:
    """One row of a file: ``where`` is "file:line", ``values`` the columns by name in lower case."""

    where: str
    values: dict[str, Any]

    def text(self, column: str) -> str:
        """Return a column's text.

        Raises:
            FixtureError: it is missing, empty or not text.

        """
        value = self.values.get(column)
        if not isinstance(value, str) or not value.strip():
            raise FixtureError(self.where, f"{column} must be a text, got {value!r}", hint="correct the line")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise FixtureError(
                self.where, f"{column} holds a lone surrogate ({error.reason})", hint="correct the line"
            ) from error
        return value

    def number(self, column: str) -> float:
        """Return a column's number.

        Raises:
            FixtureError: it is missing, not a number, or not finite.

        """
        value = self.values.get(column)
        try:
            number = math.nan if isinstance(value, bool) or value is None else float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if not math.isfinite(number):
            raise FixtureError(
                self.where, f"{column} must be a finite number, got {value!r}", hint="correct the line"
            )
        return number


def read_rows(path: Path, required: Sequence[str]) -> Iterator[Row]:
    """Yield the rows of a .jsonl, .tsv or .csv file. TSV and CSV need a header in any case.

    TSV is read in the dialect that the file shows signs of (embedding_gate.data.tsv). Other columns are
    allowed. Empty lines are skipped.

    Raises:
        FixtureError: the file cannot be read, is of another kind, lacks a required column, has a line
            that cannot be parsed, or holds no row.

    """
    if path.is_dir():
        raise FixtureError(path, "is a folder", hint="name a file")
    readers = {".jsonl": _jsonl, ".tsv": _tsv, ".csv": _csv}
    if path.suffix not in readers:
        raise FixtureError(
            path, f"must be one of {', '.join(readers)}, got {path.suffix!r}", hint="convert or rename it"
        )
    empty = True
    with opened(path) as file:
        for row in readers[path.suffix](path, file):
            if missing := [column for column in required if column not in row.values]:
                raise FixtureError(
                    row.where if path.suffix == ".jsonl" else f"{path}, header",
                    f"lacks {', '.join(missing)}; has {', '.join(row.values) or 'nothing'}",
                    hint=f"give {', '.join(required)}",
                )
            empty = False
            yield row
    if empty:
        raise FixtureError(path, "holds no row", hint="restore the file")


@contextmanager
def opened(path: Path) -> Iterator[TextIO]:
    """Open a text file to read it.

    Raises:
        FixtureError: it cannot be read, or is not UTF-8; also while the block reads it.

    """
    if path.exists() and not path.is_file():
        raise FixtureError(path, "is no file", hint="name a file")
    try:
        # newline="\n": a text may hold a carriage return, which Python otherwise takes for the end of a line.
        with path.open(encoding="utf-8-sig", newline="\n") as file:
            yield file
    except OSError as error:
        raise FixtureError(
            path, f"cannot be read ({error.strerror})", hint="name a file that exists"
        ) from error
    except UnicodeDecodeError as error:
        raise FixtureError(path, f"is not UTF-8 ({error.reason})", hint="convert it to UTF-8") from error


def _jsonl(path: Path, file: TextIO) -> Iterator[Row]:
    for where, line in lines_of(path, whole_lines(path, file)):
        if line.isspace():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise FixtureError(where, f"not a JSON object ({error})", hint="correct the line") from error
        if not isinstance(row, dict):
            raise FixtureError(where, f"must be a JSON object, got {line[:40]!r}", hint="correct the line")
        yield Row(where, {key.lower(): value for key, value in row.items()})


def _tsv(path: Path, file: TextIO) -> Iterator[Row]:
    yield from _with_header(path, read_tsv(path, file))


def tsv_dialect(path: Path) -> str:
    """Say in which dialect a .tsv file is read, if others would read it differently. "" for other files.

    Raises:
        FixtureError: it cannot be read, or has signs of two dialects.

    """
    if path.suffix != ".tsv":
        return ""
    with opened(path) as file:
        return dialect_of(path, file.read(HEAD))


def _csv(path: Path, file: TextIO) -> Iterator[Row]:
    csv.field_size_limit(LONGEST)  # a text may be long
    reader = csv.reader(whole_lines(path, file), strict=True)
    try:
        yield from _with_header(path, ((f"{path}:{reader.line_num}", row) for row in reader if row))
    except csv.Error as error:
        raise FixtureError(
            f"{path}:{reader.line_num}", f"not CSV ({error})", hint="correct the line"
        ) from error


def _with_header(path: Path, lines: Iterator[tuple[str, list[str]]]) -> Iterator[Row]:
    where, names = next(lines, (str(path), []))
    header = [name.strip().lower() for name in names]
    if len(set(header)) < len(header):
        raise FixtureError(where, f"a column is named twice: {', '.join(header)}", hint="correct the header")
    for where, fields in lines:
        if len(fields) != len(header):
            raise FixtureError(
                where, f"has {len(fields)} columns, the header {len(header)}", hint="correct the line"
            )
        yield Row(where, dict(zip(header, fields, strict=True)))


def unique(names: list[tuple[str, str]], what: str) -> tuple[str, ...]:
    """Return names given as (where, name).

    Raises:
        FixtureError: one is there twice; says where the second is.

    """
    seen: set[str] = set()
    for where, name in names:
        if name in seen:
            raise FixtureError(
                where, f"{what} {name!r} is there twice", hint=f"give each a {what} of its own"
            )
        seen.add(name)
    return tuple(name for _, name in names)


def content_hash(rows: Iterable[tuple[str | float, ...]]) -> str:
    """Hash the content of rows. It is the same in JSONL, TSV and CSV."""
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, ensure_ascii=True).encode() + b"\n")
    return digest.hexdigest()


def tsv_notes(*paths: Path) -> list[str]:
    """Say in which dialect each TSV file was read, if others would read it differently."""
    return [f"  {path.name}: {said}" for path in paths if (said := tsv_dialect(path))]
