"""The report as Markdown (GitHub's dialect, for its tables)."""

import re
from collections.abc import Iterator

from embedding_gate.report.blocks import Block, Document, Items, Picture, Table, Text

__all__ = ["markdown"]

# A character that would begin markup, or end a cell. Text between backquotes is a command of ours.
_MARKUP = re.compile(r"([\\`*_\[\]<#|~&$])")


# Single backquotes alone: two or more in a row, which Markdown pairs otherwise, are letters of a text.
_COMMAND = re.compile(r"((?<!`)`[^`]+`(?!`))")


def markdown(document: Document) -> str:
    """Return the report. Pictures are on the page alone."""
    lines = [f"# {escape(document.title)}"]
    for section in document.sections:
        lines += ["", f"## {escape(section.title)}"]
        for block in section.blocks:
            lines += list(_block(block))
    lines += ["", escape(document.missing)] if document.missing else []
    return "\n".join(lines) + "\n"


def escape(text: str) -> str:
    """Return text so that Markdown shows it letter by letter, on one line; `commands` stay as they are."""
    parts = _COMMAND.split(" ".join(text.split()))
    return "".join(part.replace("|", "\\|") if at % 2 else _escape(part) for at, part in enumerate(parts))


def _escape(text: str) -> str:
    return _MARKUP.sub(r"\\\1", text)


def _block(block: Block) -> Iterator[str]:
    if isinstance(block, Picture):
        return  # on the page
    yield ""
    if isinstance(block, Text):
        yield escape(block.text)
    elif isinstance(block, Items):
        yield from (f"- {escape(line)}" for line in block.lines)
    else:
        yield from _table(block)


def _table(table: Table) -> Iterator[str]:
    yield f"**{escape(table.caption)}**"
    yield ""
    yield f"| {' | '.join(map(escape, table.header))} |"
    yield f"|{'|'.join('---' for _ in table.header)}|"
    yield from (f"| {' | '.join(map(escape, row))} |" for row in table.rows)
