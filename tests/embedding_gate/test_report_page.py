"""The page and the Markdown: all sections, nothing from any host, and no text that becomes markup."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from msgspec import convert
from msgspec.structs import replace

from embedding_gate import own_files
from embedding_gate.report.blocks import Document, Items, Section, Table, Text, number
from embedding_gate.report.history import line_of
from embedding_gate.report.html import page
from embedding_gate.report.markdown import escape, markdown
from embedding_gate.report.matrix import kill_matrix
from embedding_gate.report.palette import Figure, marker_of
from embedding_gate.report.pictures import pictures
from embedding_gate.report.recommend import recommend
from embedding_gate.report.record import plain
from embedding_gate.report.schema.record import Record
from embedding_gate.report.sections import document, sections
from tests.support.records import JUDGE, a_full_record, a_model, a_record, a_speed, as_data

HOSTILE = "</script></td><b onload=1>`a|b`|b *c* [d](e)\n<img src=x>&amp;"
TITLES = [
    "Verdict",
    "Performance summary",
    "Quality metrics",
    "Semantic coherence",
    "Intra-category similarities",
    "Speed analysis",
    "Cross-model validation",
    "What it means in practice",
    "Comparison with other systems",
    "Conclusion",
    "Every check",
    "Kill matrix",
    "Claims",
    "History",
]


class Read(HTMLParser):
    """What a browser makes of a page: its elements, their attributes, and the text."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.open: list[str] = []
        self.text = ""
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element, and that it is open."""
        self.elements.append(tag)
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """See that it is the one last opened."""
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def handle_data(self, data: str) -> None:
        """Note text."""
        self.text += data


def show(record: Record, **pictures: list[Figure]) -> str:
    """Return the page of a record."""
    return page(document(record), pictures=pictures, plotly="x")


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


def with_history(record: Record) -> Record:
    """Return a record that has an earlier run."""
    return replace(record, history=[line_of(record), line_of(record)])


def test_every_section_is_there_in_order() -> None:
    compared = [section.title for section in sections(with_history(a_full_record()))]
    assert compared == [TITLES[0], "The judge", "Against another revision", *TITLES[1:]]


def test_what_a_change_moved_is_told() -> None:
    """A moved threshold, a slower benchmark, one that was not measured, and the vectors."""
    shown = "\n".join(str(block) for section in sections(a_full_record())[1:3] for block in section.blocks)
    for words in (
        "Judged by 222222222222: fail.",
        "Its own verdict: pass. No person approved it",
        "parity: 3e-06 -> 3",
        "'1.2x', '1.18 to 1.23', '1.1', 'FAIL', 'slower'",
        "'-', '-', '1.1', 'ERROR', 'no round was timed'",
        "'1x', '0.99 to 1.01'",
        "vectors is 0.999. The nearest text changed for 3 of them.",
        "'pairs', '0.8', '0.7', '-0.12 to -0.08'",
    ):
        assert words in shown
    unchanged = a_record({"judge": {**JUDGE, "changed": [], "base_verdict": "pass"}})
    assert "leaves the judge as it is" in str(sections(unchanged)[1])


def test_an_absent_measurement_names_the_command_that_makes_it() -> None:
    shown = markdown(document(a_record()))
    for command in (
        "`pytest --benchmark-only --report=DIR`",
        "`pytest --benchmark-only --report=DIR --model=SMALL --model=LARGE`",
        "`pytest -m quality --report=DIR`",
        "`pytest -m faults --report=DIR`",
        "`pytest -m claims --report=DIR`",
        "`pytest -m quality --history=FILE --report=DIR`",
        "`make peers`",
    ):
        assert command in shown


def test_a_red_run_says_what_and_where_and_likely_why() -> None:
    first = "\n".join(str(block) for block in sections(a_full_record())[0].blocks)
    for word in ("FAIL", "parity", "<= 2e-06", "first-token pooling", "fixtures/thresholds.toml:1"):
        assert word in first


def test_a_command_is_shown_as_one() -> None:
    assert "<p><code>pytest -m quality</code>, 2026-01-01T00:00:00Z: embedding-gate 0.1.0" in show(a_record())


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
    assert source.count("<table>") == source.count("<caption>") > 10
    assert '<th scope="col">' in source
    assert '<th scope="row">' in source


def test_measured_and_published_never_share_a_column() -> None:
    (found,) = [one for one in sections(a_full_record()) if one.title == "Comparison with other systems"]
    tables = [one for one in found.blocks if isinstance(one, Table)]
    assert any(table.caption.startswith("Measured here") for table in tables)
    (said,) = [table for table in tables if table.caption == "Published"]
    assert "measured" not in said.header
    assert all("published" not in table.header for table in tables if table is not said)


def test_a_part_of_the_gate_is_called_one() -> None:
    model = {**a_model(), "part": "3 of 52 checks"}
    text = str(sections(a_record({"models": [model]}))[0].blocks[0])
    assert "A PART OF THE GATE, 3 of 52 checks" in text


def judged(name: str, ndcg: float | None, *, red: bool = False) -> dict[str, Any]:
    """Make a judged model of some quality."""
    model: dict[str, Any] = plain(a_model())
    quality = {**model["quality"], "ndcg": ndcg}
    verdicts = [{**model["verdicts"][0], "red": red}]
    return {**model, "name": name, "asked_for": name, "quality": quality, "verdicts": verdicts}


def advised(models: list[dict[str, Any]], speed: list[dict[str, Any]]) -> dict[str, str]:
    """Return use -> model."""
    found = recommend(a_record({"models": models, "speed": speed}))
    return {one.use.partition(":")[0].partition(" as ")[0]: one.model for one in found}


def test_a_model_is_recommended_by_what_was_measured() -> None:
    models = [judged("good", 0.80), judged("close", 0.77), judged("fast", 0.70)]
    speed = [
        one
        for name, rate in (("good", 100.0), ("close", 500.0), ("fast", 900.0))
        for one in (
            a_speed(model=name, tokens_per_second=rate),
            a_speed(model=name, kind="latency", headline=False, median=1 / rate),
            a_speed(model=name, kind="load", headline=False, peak_bytes=int(1e9 + rate)),
        )
    ]
    assert advised(models, speed) == {
        "search": "good",
        "similarity of two texts": "close",
        "grouping texts by topic": "close",
        "large volumes": "close",
        "one query at a time,": "close",
        "little memory": "good",
    }


@pytest.mark.parametrize("spoil", ["gate", "audit", "quality", "part"])
def test_nothing_is_recommended_by_what_is_red_or_was_not_measured(spoil: str) -> None:
    model = judged("m", None if spoil == "quality" else 0.8, red=spoil == "gate")
    model["part"] = "1 of 54 checks" if spoil == "part" else None
    found = advised([model], [a_speed(audits_red=spoil == "audit")])
    assert found["large volumes"] == ""
    assert found["search"] == ("m" if spoil == "audit" else "")


@pytest.mark.parametrize(
    ("value", "shown"), [(None, "-"), (0.0, "0"), (1234.5, "1,230"), (999.4, "999"), (2e-7, "2e-07")]
)
def test_numbers_are_written_to_be_read(value: float | None, shown: str) -> None:
    assert number(value) == shown


def test_the_style_is_the_pages_own() -> None:
    style = (own_files.ROOT / "embedding_gate/report/style.css").read_text(encoding="utf-8")
    assert "prefers-color-scheme: dark" in style
    assert "@media print" in style


def test_no_two_categories_of_the_gate_have_one_colour() -> None:
    """A model's own texts may have more: then the marker tells what the colour does not."""
    count = len(set(own_files.sets().topics.categories))
    markers = [(marker_of(number)["color"], marker_of(number)["symbol"]) for number in range(63)]
    assert len({colour for colour, _ in markers[:count]}) == count == 9
    assert len(set(markers)) == 63


def test_the_kill_matrix_is_drawn_mark_by_mark() -> None:
    """Red, red in some runs, green, not judged; harmless variants last, whatever their names."""
    record = a_full_record()
    matrix = record.kill_matrix
    assert matrix
    fault = matrix.faults[0]
    matrix.checks = ["parity", "pairs", "norm", "topics"]
    matrix.faults = [
        replace(fault, name="a", benign=True, marks="...."),
        replace(fault, name="b", marks="xo. "),
    ]
    [picture] = kill_matrix(record)
    [cells] = picture.data
    assert cells["y"] == ["b (pooling)", "a (pooling)"]
    assert cells["z"] == [[1.0, 0.5, 0.0, None], [0.0] * 4]
    assert cells["text"][0] == ["red", "red in some runs", "green", "does not judge this model"]
    assert kill_matrix(a_record()) == []
