"""The report as one HTML file that asks no host for anything: no font, no script, no picture."""

import base64
import hashlib
import html
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from embedding_gate.report.blocks import Block, Items, Picture, Section, Table, Text

__all__ = ["page"]

STYLE = Path(__file__).with_name("style.css")
# Words of a verdict -> sign and class: a sign and the word say it too, for whoever sees no colours.
SIGNS = {
    "pass": ("✓", "good"),
    "killed": ("✓", "good"),
    "FAIL": ("✗", "bad"),
    "fail": ("✗", "bad"),
    "ERROR": ("✗", "bad"),
    "RED": ("✗", "bad"),
    "SURVIVED": ("✗", "bad"),
    "FALSE ALARM": ("✗", "bad"),
    "NOT REPRODUCED": ("✗", "bad"),
}
_NUMBER = re.compile(r"-|[-+>]?[\d,.]+(e[-+]?\d+)?(x| ?%| MiB)?|exact|nan")
_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)  # what has a type is data


def page(
    sections: Sequence[Section], title: str, *, verdict: str, pictures: Mapping[str, str], scripts: str = ""
) -> str:
    """Return the page.

    pictures: name -> a fragment of HTML; scripts: what they need, set behind all text, so that a reader has
    that first. Whatever comes from texts, names and errors is escaped; no script runs but these, by their
    hashes in the page's policy.
    """
    contents = "".join(
        f'<li><a href="#{_anchor(section.title)}">{html.escape(section.title)}</a></li>'
        for section in sections
    )
    sign, kind = SIGNS[verdict]
    body = "\n".join(line for section in sections for line in _section(section, pictures))
    shown = (
        f'<header class="{kind}"><h1>{html.escape(title)}</h1>'
        f'<p class="verdict"><span aria-hidden="true">{sign}</span> {verdict.upper()}</p></header>\n'
        f'<nav aria-label="Sections"><ul>{contents}</ul></nav>\n<main>\n{body}\n</main>\n{scripts}'
    )
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_policy(shown)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" content="no-referrer">\n'
        f"<title>{html.escape(title)}: {verdict}</title>\n"
        f"<style>\n{STYLE.read_text(encoding='utf-8')}</style>\n</head>\n<body>\n{shown}\n</body>\n</html>\n"
    )


def _policy(shown: str) -> str:
    """Allow the page's own scripts by their hashes, and pictures made by them; nothing from any host."""
    bodies = dict.fromkeys(_SCRIPT.findall(shown))
    digests = (base64.b64encode(hashlib.sha256(body.encode()).digest()).decode() for body in bodies)
    hashes = " ".join(f"'sha256-{digest}'" for digest in digests)
    scripts = f"'strict-dynamic' {hashes}" if hashes else "'none'"  # one of them starts plotly.js
    return (
        f"default-src 'none'; script-src {scripts}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _section(section: Section, pictures: Mapping[str, str]) -> Iterator[str]:
    anchor = _anchor(section.title)
    yield f'<section id="{anchor}" aria-labelledby="{anchor}-title">'
    yield f'<h2 id="{anchor}-title">{html.escape(section.title)}</h2>'
    for block in section.blocks:
        yield from _block(block, pictures)
    yield "</section>"


def _block(block: Block, pictures: Mapping[str, str]) -> Iterator[str]:
    if isinstance(block, Picture):
        if block.name in pictures:
            yield f'<div class="pictures">{pictures[block.name]}</div>'
    elif isinstance(block, Text):
        yield f"<p>{_inline(block.text)}</p>"
    elif isinstance(block, Items):
        more = [f"... and {block.more} more, in report.json"] if block.more else []
        yield "<ul>"
        yield from (f"<li>{_inline(item)}</li>" for item in (*block.items, *more))
        yield "</ul>"
    else:
        yield from _table(block)


def _inline(text: str) -> str:
    """Escape a text; what stands between backquotes is a command."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", html.escape(text))


def _table(table: Table) -> Iterator[str]:
    right = [
        bool(column) and all(map(_NUMBER.fullmatch, column)) for column in zip(*table.rows, strict=True)
    ] or [False] * len(table.header)
    # A wide table scrolls by itself, by keyboard too; the page never does.
    yield f'<div class="table" tabindex="0" role="region" aria-label="{html.escape(table.caption)}"><table>'
    yield f"<caption>{_inline(table.caption)}</caption><thead><tr>"
    yield "".join(
        f'<th scope="col"{_side(at_right)}>{html.escape(cell)}</th>'
        for cell, at_right in zip(table.header, right, strict=True)
    )
    yield "</tr></thead><tbody>"
    for first, *rest in table.rows:
        cells = "".join(_cell(cell, at_right) for cell, at_right in zip(rest, right[1:], strict=True))
        yield f'<tr><th scope="row">{html.escape(first)}</th>{cells}</tr>'
    yield "</tbody></table></div>"


def _cell(cell: str, at_right: bool) -> str:
    if cell in SIGNS:
        sign, kind = SIGNS[cell]
        return f'<td class="{kind}"><span aria-hidden="true">{sign}</span> {html.escape(cell)}</td>'
    return f"<td{_side(at_right)}>{html.escape(cell)}</td>"


def _side(at_right: bool) -> str:
    return ' class="number"' if at_right else ""
