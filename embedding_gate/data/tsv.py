r"""TSV in three dialects. The dialect of a file is recognised by signs.

- *quoted*, as pandas and Python's csv write it: a field with a tab, a line feed or a quotation mark is put in
  quotation marks, and quotation marks inside it are doubled. A backslash is an ordinary character. The signs:
  a doubled quotation mark inside such a field; a header in which every name is quoted; lines that have the
  header's number of columns only if quotes are read. Without a sign, quotation marks never join lines.
- *plain*: nothing is quoted or escaped. The sign: a backslash that does not begin an escape, as in ``\d``.
- *escaped*, the project's own: ``\t``, ``\n``, ``\r`` and ``\\``. A quotation mark is an ordinary
  character. The sign: a doubled backslash. A file without any sign is read in this dialect.

A file with signs of two dialects is refused. The table says which dialect was read.

A long file is read line by line, so that memory does not grow with it. Its first characters decide the
dialect, and a later line with a sign of another dialect is refused.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from embedding_gate.data.projector import LOOKS_QUOTED, unescape
from embedding_gate.errors import FixtureError

__all__ = ["HEAD", "LONGEST", "dialect_of", "lines_of", "read_tsv", "tsv_lines", "whole_lines"]

LONGEST = 1 << 24  # characters of a line, or of a field of CSV: a file of one endless line fills no memory
HEAD = 1 << 20  # characters that decide the dialect of a long file

ESCAPED, PLAIN, QUOTED = "escaped", "plain", "quoted"
SAID = {
    ESCAPED: r"\t, \n, \r and \\ were read as escapes; where they are text, write JSONL",
    PLAIN: "backslashes were read as they stand",
    QUOTED: "quotation marks round fields were read as pandas writes them",
}
_HINT = "write it as JSONL, or by one program in one dialect"
_QUOTED_FIELD = r'"[^"]*(?:""[^"]*)*"'
_FIELD = re.compile(rf'({_QUOTED_FIELD}|[^"\t\n]*)(\t|\r?\n|\r?\Z)')
_BACKSLASH = re.compile(r'(?P<escape>\\[tnr]|(?<![^\t\n])\\")|(?P<doubled>\\\\)|(?P<letter>\\)')

Lines = Sequence[tuple[str, list[str]]]  # where, and the fields


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


def read_tsv(path: Path, file: TextIO) -> Iterator[tuple[str, list[str]]]:
    """Yield the fields of each line that is not empty, with its place.

    Raises:
        FixtureError: the file has signs of two dialects, or a line is too long.

    """
    head = file.read(HEAD)
    if len(head) < HEAD:
        yield from tsv_lines(path, head)
        return
    file.seek(0)
    head = head[: head.rfind("\n") + 1]
    lines = [(where, line.split("\t")) for where, line in lines_of(path, head.split("\n"))]
    if '"' in head and _sign_of_quoting(path, head, lines):
        yield from _quoted_lines(path, file)
    else:
        escaped = _backslashes(path, head) == ESCAPED
        for where, line in lines_of(path, whole_lines(path, file)):
            fields = line.split("\t")
            _refuse_other(where, line, fields, escaped=escaped)
            yield where, list(map(unescape, fields)) if escaped else fields


def _quoted_lines(path: Path, file: TextIO) -> Iterator[tuple[str, list[str]]]:
    csv.field_size_limit(LONGEST)
    reader = csv.reader(whole_lines(path, file), delimiter="\t", strict=True)
    try:
        yield from ((f"{path}:{reader.line_num}", fields) for fields in reader if fields)
    except csv.Error as error:
        raise FixtureError(f"{path}:{reader.line_num}", f"not TSV ({error})", hint=_HINT) from error


def _refuse_other(where: str, line: str, fields: Sequence[str], *, escaped: bool) -> None:
    """Refuse a line of a long file with a sign of another dialect than its head has."""
    other = "letter" if escaped else "doubled"
    if any(found.lastgroup == other for found in _BACKSLASH.finditer(line)):
        what = f"a backslash as no line has it in the first {HEAD:,} characters"
    elif '"' in line and any(map(LOOKS_QUOTED.fullmatch, fields)):
        what = f"quotes as pandas writes them, and no line in the first {HEAD:,} characters does"
    else:
        return
    raise FixtureError(where, what, hint=_HINT)


def tsv_lines(path: Path, text: str) -> Lines:
    """Return the fields of each line that is not empty, with its place.

    Raises:
        FixtureError: the file has signs of two dialects.

    """
    return _read(path, text)[1]


def dialect_of(path: Path, text: str) -> str:
    """Say in which dialect a file was read, or "" if all dialects read it in the same way.

    Raises:
        FixtureError: the file has signs of two dialects.

    """
    dialect = _read(path, text)[0]
    return SAID[dialect] if dialect == QUOTED or "\\" in text else ""


def _read(path: Path, text: str) -> tuple[str, Lines]:
    lines = [(where, line.split("\t")) for where, line in lines_of(path, text.split("\n"))]
    if '"' in text and (sign := _sign_of_quoting(path, text, lines)):
        found, rest = _quoted(path, text)
        if rest:
            raise FixtureError(sign, f"quotes as pandas writes them, but line {rest} has none", hint=_HINT)
        return QUOTED, found
    if _backslashes(path, text) == PLAIN:
        return PLAIN, lines
    return ESCAPED, [(where, list(map(unescape, fields))) for where, fields in lines]


def _backslashes(path: Path, text: str) -> str:
    """Return the dialect that the backslashes of a file are a sign of: escaped or plain."""
    seen: dict[str, int] = {}  # kind of backslash -> where it is first
    for match in _BACKSLASH.finditer(text):
        seen.setdefault(str(match.lastgroup), match.start())
    if "letter" not in seen:
        return ESCAPED
    if "doubled" in seen:
        letter, doubled = (text.count("\n", 0, seen[kind]) + 1 for kind in ("letter", "doubled"))
        raise FixtureError(
            f"{path}:{letter}",
            f"a backslash that begins no escape, and in line {doubled} one that is escaped",
            hint=_HINT,
        )
    return PLAIN


def _sign_of_quoting(path: Path, text: str, lines: Lines) -> str:
    """Return the place that shows that a file uses quotes, or ""."""
    if lines and all(re.fullmatch(_QUOTED_FIELD, name) for name in lines[0][1]):
        return lines[0][0]
    for where, fields in lines:
        if any(map(LOOKS_QUOTED.fullmatch, fields)):
            return where
    ragged = next((where for where, fields in lines if len(fields) != len(lines[0][1])), "")
    found, rest = _quoted(path, text) if ragged else ([], 1)
    even = not rest and all(len(fields) == len(found[0][1]) for _, fields in found)
    return ragged if even else ""


def _quoted(path: Path, text: str) -> tuple[Lines, int]:
    """Return the lines of a quoted file, and the number of the first line that breaks the dialect, or 0."""
    found: list[tuple[str, list[str]]] = []
    fields: list[str] = []
    at, line, start = 0, 1, 1  # the current line, and the line where its fields begin
    while at < len(text) or fields:
        if not (match := _FIELD.match(text, at)):
            return found, line
        field, end = match.groups()
        fields.append(field[1:-1].replace('""', '"') if field.startswith('"') else field.removesuffix("\r"))
        at, line = match.end(), line + match.group().count("\n")
        if end != "\t":
            if fields != [""]:
                found.append((f"{path}:{start}", fields))
            fields, start = [], line
    return found, 0
