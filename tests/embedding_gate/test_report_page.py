"""The page and the Markdown ask no host for anything, and no text becomes markup."""

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from msgspec import convert

from embedding_gate import own_files
from embedding_gate.report.blocks import Document, Items, Section, Table, Text
from embedding_gate.report.html import page
from embedding_gate.report.markdown import escape, markdown
from embedding_gate.report.palette import Figure
from embedding_gate.report.pictures import pictures
from embedding_gate.report.schema.record import Record
from embedding_gate.report.sections import document
from tests.support.pages import Read, show
from tests.support.records import a_full_record, a_record, as_data

HOSTILE = "</script></td><b onload=1>`a|b`|b *c* [d](e)\n<img src=x>&amp;"


def spoilt(record: Record) -> Record:
    """Return a record in which every text is hostile, but those that the types have a list or a form of."""
    return convert(_spoilt(as_data(record)), Record)


def _spoilt(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _spoilt(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_spoilt(one, key) for one in value]
    fixed = ("base_verdict", "head_verdict", "verdict", "outcome", "kind", "unit", "when", "device")
    is_free = isinstance(value, str) and key not in (*fixed, "marks", "digest")
    return HOSTILE if is_free else value


def test_a_command_is_shown_as_one() -> None:
    assert "<p><code>pytest -m quality</code>, 2026-01-01T00:00:00Z: embedding-gate 0.2.0" in show(a_record())


def test_no_text_becomes_markup() -> None:
    """A page of hostile texts has the elements of a harmless one, closed in order, and shows the texts."""
    clean, record = Read(show(a_full_record())), spoilt(a_full_record())
    spoilt_page = Read(show(record))
    commands = [tag for tag in spoilt_page.elements if tag != "code"]
    assert set(commands) == set(clean.elements) - {"code"}
    assert clean.open == spoilt_page.open == []
    assert not {"b", "img", "script"} & set(spoilt_page.elements)
    assert "</script></td><b onload=1>" in spoilt_page.text


def test_a_table_of_hostile_texts_is_still_that_table_in_markdown() -> None:
    """Each row has as many cells as the header, and no markup begins outside a command."""
    table = Table(HOSTILE, (HOSTILE, "b"), [(HOSTILE, HOSTILE)])
    section = Section(HOSTILE, [Text(HOSTILE), Items([HOSTILE]), table])
    lines = markdown(Document(HOSTILE, "pass", [section], HOSTILE)).split("\n")
    rows = [line for line in lines if line.startswith("|")]
    assert [len(re.findall(r"(?<!\\)\|", row)) for row in rows] == [3, 3, 3]
    outside = re.sub(r"`[^`]*`|\\.", "", "\n".join(lines))
    assert not re.search(r"[<*\[\]]", outside.replace("**", ""))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `make a|b` <now>", r"run `make a\|b` \<now\>"),
        ("```<img src=x>`", r"\`\`\`\<img src=x>\`"),
        ("`<h1>pass</h1>```", r"\`\<h1>pass\</h1>\`\`\`"),
        ("a ``[b](c)`` d", r"a \`\`\[b\](c)\`\` d"),
    ],
)
def test_only_single_backquotes_make_a_command(text: str, shown: str) -> None:
    """Markdown pairs runs of backquotes by their length, and what has no pair begins no code."""
    assert escape(text).replace("\\>", ">") == shown.replace("\\>", ">")


def test_the_page_asks_no_host_for_anything() -> None:
    source = show(a_full_record())
    links = {value for name, value in Read(source).attributes if name in ("src", "href", "action")}
    assert links
    assert all((link or "").startswith("#") for link in links)
    assert "url(" not in source
    assert "@import" not in source


def test_no_script_runs_but_the_pages_own() -> None:
    """Only draw.js, by its hash; what else stands in a script is data, and text of users does not end it."""
    figure = Figure(HOSTILE, [{"type": "bar", "name": HOSTILE}], {}, texts=[HOSTILE])
    record = a_full_record()
    made = show(record, roofline=[figure])
    policy = re.search('Content-Security-Policy" content="([^"]*)"', made)
    assert policy is not None
    script = (own_files.ROOT / "embedding_gate/report/draw.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'strict-dynamic' 'sha256-{digest}';" in policy.group(1)
    assert policy.group(1).count("sha256-") == 1
    assert policy.group(1).startswith("default-src 'none';")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", made, re.DOTALL)
    kinds = [' type="application/json"', ' type="text/plain" id="plotly"', ""]
    assert [kind for kind, _ in scripts] == kinds
    assert json.loads(scripts[0][1])["data"] == figure.data
    assert scripts[2][1] == script
    data = made.index("application/json")
    assert made.index("<h2") < data < made.index("</main>") < made.index('id="plotly"')
    assert "script-src 'none'" in show(record)


def test_a_text_that_ends_a_script_and_opens_a_tag_is_shown_as_it_is() -> None:
    """In a picture, in a cell and in the title."""
    record = a_full_record()
    record.models[0].name = record.models[0].texts[0].text = "</script><b>bold</b>"
    made = page(document(record), pictures=pictures(record), plotly="x")
    found = Read(made)
    assert "</script><b>" not in made
    assert "b" not in found.elements
    assert found.open == []
    assert "</script><b>bold</b>" in found.text


def test_a_verdict_is_told_by_a_sign_and_a_word() -> None:
    for verdict, passed, sign in (("PASS", True, "✓"), ("FAIL", False, "✗")):
        assert f'<span aria-hidden="true">{sign}</span> {verdict}</p>' in show(a_record(passed=passed))
    cells = show(a_full_record())
    assert '<td class="bad"><span aria-hidden="true">✗</span> FAIL</td>' in cells


def test_tables_are_told_to_whoever_hears_them() -> None:
    source = show(a_full_record())
    assert source.count("<table>") == source.count("<caption>") + source.count("<summary>") > 10
    assert '<th scope="col">' in source
    assert '<th scope="row">' in source


def test_the_style_is_the_pages_own() -> None:
    style = (own_files.ROOT / "embedding_gate/report/style.css").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style
