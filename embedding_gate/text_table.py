"""Tables of plain text."""

import textwrap
from collections.abc import Collection, Sequence

__all__ = ["WIDTH", "aligned", "wrapped"]

WIDTH = 100  # of what is printed, in columns


def aligned(rows: Sequence[tuple[str, ...]], *, right: Collection[int] = ()) -> list[str]:
    """Set a table: each column as wide as its widest cell, those numbered in ``right`` to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def wrapped(line: str) -> list[str]:
    """Break a line that is wider than WIDTH between its words, and indent the rest as far."""
    indent = " " * (len(line) - len(line.lstrip()))
    return textwrap.wrap(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [line]
