"""The page and the Markdown: all sections, nothing from any host, and no text that becomes markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from embedding_gate import own_files
from embedding_gate.report.blocks import Items, Section, Table, Text, number
from embedding_gate.report.html import page
from embedding_gate.report.markdown import escape, markdown
from embedding_gate.report.matrix import kill_matrix
from embedding_gate.report.palette import marker_of
from embedding_gate.report.recommend import recommend
from embedding_gate.report.record import plain
from embedding_gate.report.sections import sections
from tests.support.records import JUDGE, a_full_record, a_model, a_record, a_speed

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


def show(record: dict[str, Any], **pictures: str) -> str:
    """Return the page of a record."""
    return page(sections(record), "a title", verdict=record["verdict"], pictures=pictures)


def spoilt(value: Any, key: str = "") -> Any:
    """Return a record in which every text is hostile, but those that a schema has a list of."""
    if isinstance(value, dict):
        return {name: spoilt(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [spoilt(one, key) for one in value]
    fixed = ("verdict", "outcome", "kind", "unit", "when", "device")
    return HOSTILE if isinstance(value, str) and key not in fixed else value


def test_every_section_is_there_in_order() -> None:
    assert [section.title for section in sections(a_record())] == TITLES
    compared = [section.title for section in sections(a_full_record())]
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
        "least cosine 0.999; another nearest text for 3",
        "'pairs', '0.8', '0.7', '-0.12 to -0.08'",
    ):
        assert words in shown
    unchanged = {**a_record(), "judge": {**JUDGE, "changed": [], "base_verdict": "pass"}}
    assert "leaves the judge as it is" in str(sections(unchanged)[1])


def test_an_absent_measurement_names_the_command_that_makes_it() -> None:
    shown = markdown(sections(a_record()), "t")
    for command in (
        "`pytest --benchmark-only --report=DIR`",
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
    lines = markdown([Section(HOSTILE, [Text(HOSTILE), Items([HOSTILE]), table])], HOSTILE).split("\n")
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


def test_no_script_runs_but_those_that_the_page_was_made_with() -> None:
    script = "document.title = 'drawn';\n"
    data = '<script type="application/json">{}</script>'
    record = a_full_record()
    made = page(
        sections(record),
        "t",
        verdict="fail",
        pictures={"map": data},
        scripts=f'<script type="text/plain">x</script><script>{script}</script>',
    )
    policy = re.search('Content-Security-Policy" content="([^"]*)"', made)
    assert policy is not None
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'strict-dynamic' 'sha256-{digest}';" in policy.group(1)
    assert policy.group(1).count("sha256-") == 1
    assert policy.group(1).startswith("default-src 'none';")
    assert made.index("<h2") < made.index(data) < made.index("</main>") < made.index(script)
    assert "script-src 'none'" in show(record)


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
    fault, matrix = record["kill_matrix"]["faults"][0], record["kill_matrix"]
    matrix["checks"] = ["parity", "pairs", "norm", "topics"]
    matrix["faults"] = [
        {**fault, "name": "a", "benign": True, "marks": "...."},
        {**fault, "name": "b", "marks": "xo. "},
    ]
    [picture] = kill_matrix(record)
    [cells] = picture.data
    assert cells["y"] == ["b (pooling)", "a (pooling)"]
    assert cells["z"] == [[1.0, 0.5, 0.0, None], [0.0] * 4]
    assert cells["text"][0] == ["red", "red in some runs", "green", "does not judge this model"]
    assert kill_matrix(a_record()) == []
