"""Reads rows of JSONL, TSV and CSV files, one at a time, each with its line number."""

import csv
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from types import MappingProxyType
from typing import TextIO

from embedding_gate.data.row import Row
from embedding_gate.data.tsv import LONGEST, dialect_of, lines_of, tsv_lines, whole_lines
from embedding_gate.errors import FixtureError

__all__ = ["content_hash", "dialect_notes", "numbered_lines", "read_rows", "unique"]


NO_OTHER_NAMES: Mapping[str, str] = MappingProxyType({})


def read_rows(
    path: Path,
    required: Sequence[str],
    *,
    also_called: Mapping[str, str] = NO_OTHER_NAMES,
    without_header: Sequence[str] = (),
) -> Iterator[Row]:
    """Yield the rows of a .jsonl, .tsv or .csv file. TSV and CSV need a header.

    TSV is read in the dialect that the file shows signs of (embedding_gate.data.tsv). Other columns are
    allowed. Empty lines are skipped.

    also_called: another name of a column -> its name.
    without_header: the first columns of a published set whose TSV has no header.

    Raises:
        FixtureError: the file cannot be read, is of another kind, lacks a required column, has a line
            that cannot be parsed, or holds no row.

    """
    if path.is_dir():
        raise FixtureError(path, "is a folder", hint="name a file")
    readers: dict[str, Callable[[Path, TextIO], Iterator[Row]]]
    readers = {".jsonl": _jsonl, ".tsv": partial(_tsv, without_header=without_header), ".csv": _csv}
    if path.suffix not in readers:
        raise FixtureError(
            path, f"must be one of {', '.join(readers)}, got {path.suffix!r}", hint="convert or rename it"
        )
    empty = True
    with _opened(path) as file:
        for found in readers[path.suffix](path, file):
            row = found.renamed(also_called)
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
def _opened(path: Path) -> Iterator[TextIO]:
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


def numbered_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield each line of a file that is not blank, with its place.

    Raises:
        FixtureError: the file cannot be read.

    """
    with _opened(path) as file:
        yield from (
            (where, line) for where, line in lines_of(path, whole_lines(path, file)) if not line.isspace()
        )


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


def _tsv(path: Path, file: TextIO, *, without_header: Sequence[str] = ()) -> Iterator[Row]:
    lines = tsv_lines(path, file)
    first = next(lines, None)
    if first is None:
        return
    if not _begins_with_a_row(first[1], without_header):
        yield from _with_header(path, chain([first], lines), decimal_commas=True)
        return
    for where, fields in chain([first], lines):
        if len(fields) < len(without_header):
            raise FixtureError(
                where, f"has {len(fields)} columns, the first line {len(first[1])}", hint="correct the line"
            )
        yield Row(where, dict(zip(without_header, fields, strict=False)), decimal_commas=True)


def _begins_with_a_row(fields: Sequence[str], columns: Sequence[str]) -> bool:
    """Tell whether a file has no header: it has these columns, and a number where the score is."""
    if len(fields) < len(columns) or "score" not in columns:
        return False
    return re.fullmatch(r"\d+(\.\d+)?", fields[columns.index("score")]) is not None


def dialect(path: Path) -> str:
    """Say how a .tsv or .csv file is read, if other programs would read it differently; else "".

    Raises:
        FixtureError: it cannot be read, or has signs of two dialects.

    """
    if path.suffix not in (".tsv", ".csv"):
        return ""
    with _opened(path) as file:
        if path.suffix == ".tsv":
            return dialect_of(path, file)
        separated = _separator(next(whole_lines(path, file), "")) == ";"
        return "semicolons separate the columns, and a comma is the decimal sign" if separated else ""


def _csv(path: Path, file: TextIO) -> Iterator[Row]:
    csv.field_size_limit(LONGEST)  # a text may be long
    header = next(whole_lines(path, file), "")
    file.seek(0)
    if "\t" in header:
        raise FixtureError(f"{path}, header", "its columns are separated by tabs", hint="name it .tsv")
    separator = _separator(header)
    reader = csv.reader(whole_lines(path, file), strict=True, delimiter=separator)
    lines = ((f"{path}:{reader.line_num}", row) for row in reader if row)
    try:
        yield from _with_header(path, lines, decimal_commas=separator == ";")
    except csv.Error as error:
        raise FixtureError(
            f"{path}:{reader.line_num}", f"not CSV ({error})", hint="correct the line"
        ) from error


def _separator(header: str) -> str:
    """Return what separates columns: a comma, or the semicolon of places with a decimal comma."""
    return ";" if ";" in header and "," not in header else ","


def _with_header(
    path: Path, lines: Iterator[tuple[str, list[str]]], *, decimal_commas: bool
) -> Iterator[Row]:
    where, names = next(lines, (str(path), []))
    header = [name.strip().lower() for name in names]
    if len(set(header)) < len(header):
        raise FixtureError(where, f"a column is named twice: {', '.join(header)}", hint="correct the header")
    for where, fields in lines:
        if len(fields) != len(header):
            raise FixtureError(
                where, f"has {len(fields)} columns, the header {len(header)}", hint="correct the line"
            )
        yield Row(where, dict(zip(header, fields, strict=True)), decimal_commas)


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


def dialect_notes(*paths: Path) -> list[str]:
    """Say how each file was read, if other programs would read it differently."""
    return [f"  {path.name}: {said}" for path in paths if (said := dialect(path))]
