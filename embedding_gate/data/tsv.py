r"""TSV in three dialects. The dialect of a file is recognised by signs.

- *quoted*, as pandas and Python's csv write it: a field with a tab, a line feed or a quotation mark is put in
  quotation marks, and quotation marks inside it are doubled. A backslash is an ordinary character. The signs:
  a doubled quotation mark inside such a field; a header in which every name is quoted; lines that have the
  header's number of columns only if quotes are read. Without a sign, quotation marks never join lines.
- *plain*: nothing is quoted or escaped. The sign: a backslash that does not begin an escape, as in ``\d``.
- *escaped*, the project's own: ``\t``, ``\n``, ``\r`` and ``\\``. A quotation mark is an ordinary
  character. The sign: a doubled backslash. A file without any sign is read in this dialect.

A file with signs of two dialects is refused. The table says which dialect was read.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from embedding_gate.data.projector import LOOKS_QUOTED, unescape
from embedding_gate.errors import FixtureError

__all__ = ["LONGEST", "dialect_of", "lines_of", "tsv_lines", "whole_lines"]

LONGEST = 1 << 24  # characters of a line, or of a field of CSV: a file of one endless line fills no memory

ESCAPED, PLAIN, QUOTED = "escaped", "plain", "quoted"
SAID = {
    ESCAPED: r"\t, \n, \r and \\ were read as escapes; where they are text, write JSONL",
    PLAIN: "backslashes were read as they stand",
    QUOTED: "quotation marks round fields were read as pandas writes them",
}
_HINT = "write it as JSONL, or by one program in one dialect"
_QUOTED_FIELD = r'"[^"]*(?:""[^"]*)*"'
_FIELD = re.compile(rf'({_QUOTED_FIELD}|[^"\t\n]*)(\t|\Z)')
_BACKSLASH = re.compile(r'(?P<escape>\\[tnr]|(?<![^\t\n])\\")|(?P<doubled>\\\\)|(?P<letter>\\)')

Line = tuple[str, list[str]]  # where, and the fields


def lines_of(path: Path, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each line that is not empty, with its place. Only a line feed ends a line."""
    for number, line in enumerate(lines, start=1):
        if plain := line.removesuffix("\n").removesuffix("\r"):
            yield f"{path}:{number}", plain


def whole_lines(path: Path, file: TextIO) -> Iterator[str]:
    """Yield the lines of a file, each with its line feed.

    Raises:
        FixtureError: a line is too long.

    """
    number = 0
    while line := file.readline(LONGEST + 1):
        number += 1
        if len(line) > LONGEST:
            what = f"has more than {LONGEST:,} characters"
            raise FixtureError(f"{path}:{number}", what, hint="cut the text, or correct the line")
        yield line


def tsv_lines(path: Path, file: TextIO) -> Iterator[Line]:
    """Yield the fields of each line that is not empty, with its place.

    The file is read twice. One row is in memory at a time.

    Raises:
        FixtureError: the file has signs of two dialects.

    """
    dialect, sign = _read(path, file)
    file.seek(0)
    if dialect == QUOTED:
        for number, fields in _quoted(path, file):
            if not fields:
                what = f"quotes as pandas writes them, but line {number} has none"
                raise FixtureError(sign, what, hint=_HINT)
            yield f"{path}:{number}", fields
        return
    for where, line in lines_of(path, whole_lines(path, file)):
        fields = line.split("\t")
        yield where, list(map(unescape, fields)) if dialect == ESCAPED and "\\" in line else fields


def dialect_of(path: Path, file: TextIO) -> str:
    """Say in which dialect a file was read, or "" if all dialects read it in the same way.

    Raises:
        FixtureError: the file has signs of two dialects.

    """
    dialect, sign = _read(path, file)
    return SAID[dialect] if sign else ""


@dataclass
class _Signs:
    """Where a file has its first sign of each kind: "" is nowhere."""

    header: list[str] = field(default_factory=list)
    quoted: str = ""  # a quoted header, or a field with doubled quotation marks inside quotation marks
    ragged: str = ""  # another number of columns than the header
    quotes: bool = False
    backslashes: dict[str, str] = field(default_factory=dict)  # kind of backslash -> where

    def see(self, where: str, line: str) -> None:
        """Look at a line."""
        fields = line.split("\t")
        if not self.header:
            self.header = fields
            self.quoted = where if all(re.fullmatch(_QUOTED_FIELD, name) for name in fields) else ""
        if '"' in line:
            self.quotes = True
            self.quoted = self.quoted or (where if any(map(LOOKS_QUOTED.fullmatch, fields)) else "")
        if len(fields) != len(self.header):
            self.ragged = self.ragged or where
        if "\\" in line:
            for match in _BACKSLASH.finditer(line):
                self.backslashes.setdefault(str(match.lastgroup), where)


def _read(path: Path, file: TextIO) -> tuple[str, str]:
    """Return the dialect, and where its sign is: "" if all dialects read the file in the same way."""
    signs = _Signs()
    for where, line in lines_of(path, whole_lines(path, file)):
        signs.see(where, line)
    if signs.quoted:
        return QUOTED, signs.quoted
    if signs.quotes and signs.ragged:
        file.seek(0)
        columns = {len(fields) for _, fields in _quoted(path, file)}
        if len(columns) == 1 and 0 not in columns:
            return QUOTED, signs.ragged
    if "letter" not in signs.backslashes:
        return ESCAPED, min(signs.backslashes.values(), default="")
    if "doubled" in signs.backslashes:
        line_number = signs.backslashes["doubled"].rpartition(":")[2]
        raise FixtureError(
            signs.backslashes["letter"],
            f"a backslash that begins no escape, and in line {line_number} one that is escaped",
            hint=_HINT,
        )
    return PLAIN, signs.backslashes["letter"]


def _quoted(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """Yield the number of the first line of each row, and its fields.

    A line that breaks the dialect has no fields. It is the last one.
    """
    for number, row in _rows(path, file):
        fields, at, end = list[str](), 0, "\t"
        while end:
            if not (match := _FIELD.match(row, at)):
                yield number + row.count("\n", 0, at), []
                return
            field, end = match.groups()
            fields.append(field[1:-1].replace('""', '"') if field.startswith('"') else field)
            at = match.end()
        if fields != [""]:
            yield number, fields


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, str]]:
    """Yield each row with the number of its first line. Quotation marks that are open join lines."""
    lines, marks, size = list[str](), 0, 0
    for number, line in enumerate(whole_lines(path, file), start=1):
        lines.append(line)
        marks, size = marks + line.count('"'), size + len(line)
        if marks % 2 == 0 or size > LONGEST:
            yield number - len(lines) + 1, "".join(lines).removesuffix("\n").removesuffix("\r")
            lines, marks, size = [], 0, 0
    if lines:
        yield number - len(lines) + 1, "".join(lines)
