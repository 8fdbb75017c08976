"""The report as one HTML file that asks no host for anything: no font, no script, no picture."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from embedding_gate.report.blocks import Document, Table
from embedding_gate.report.palette import Figure

__all__ = ["page"]

HERE = Path(__file__).parent
# Words of a verdict -> sign and class: a sign and the word say it too, for whoever sees no colours.
SIGNS = {
    **dict.fromkeys(("pass", "killed"), ("✓", "good")),
    **dict.fromkeys(
        ("FAIL", "fail", "ERROR", "RED", "survived", "false alarm", "NOT REPRODUCED"), ("✗", "bad")
    ),
}
JSON = {"ensure_ascii": False, "allow_nan": False, "separators": (",", ":")}  # of the pictures' data
_NUMBER = re.compile(r"-|[-+>]?[\d,.]+(e[-+]?\d+)?(x| ?%| MiB)?|exact|nan")


def page(
    document: Document, *, pictures: Mapping[str, Sequence[Figure]] | None = None, plotly: str = ""
) -> str:
    """Return the page.

    pictures: name -> figures. plotly: the library that draws them, as pictures.plotly gives it. It stands
    behind all text, so that a reader has the text first.

    The template escapes whatever comes from texts, names and errors. The page's policy allows no script but
    draw.js, by its hash, and nothing from any host. draw.js starts plotly.js ('strict-dynamic'), which makes
    its pictures as blobs.
    """
    draw = (HERE / "draw.js").read_text(encoding="utf-8") if pictures else ""
    digest = base64.b64encode(hashlib.sha256(draw.encode()).digest()).decode()
    return _template().render(
        document=document,
        pictures=pictures or {},
        plotly=plotly,
        draw=Markup(draw),  # noqa: S704  (a file of this package)
        style=Markup((HERE / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        script_src=Markup(f"'strict-dynamic' 'sha256-{digest}'" if draw else "'none'"),  # noqa: S704
        signs=SIGNS,
    )


def _template() -> Template:
    made = Environment(
        autoescape=True,
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.policies["json.dumps_kwargs"] = JSON
    made.filters |= {"anchor": _anchor, "inline": _inline, "numeric": _numeric}
    return made.get_template("page.html.jinja")


def _anchor(title: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _inline(text: str) -> Markup:
    """Escape a text; what stands between backquotes is a command."""
    return Markup(re.sub(r"`([^`]*)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704  (escaped)


def _numeric(table: Table) -> list[bool]:
    """Say of each column whether all its cells are numbers."""
    columns = zip(*table.rows, strict=True) if table.rows else [()] * len(table.header)
    return [bool(column) and all(map(_NUMBER.fullmatch, column)) for column in columns]
