"""The page as a reader has it: from a file, without a network."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
from msgspec.structs import replace
from playwright.sync_api import Browser, ConsoleMessage, Page

from embedding_gate.report.pictures import PICTURES
from embedding_gate.report.record import as_json
from embedding_gate.report.schema.record import Record, json_schema
from embedding_gate.report.write import write_report
from tests.browser.made_up import EACH, HOSTILE
from tests.support import HANG

LARGEST = 6_000_000  # bytes
KINDS = ("error", "warning")
# Plotly.js reads a canvas of its own while it makes the letters of a 3-D map.
EXPECTED = "Canvas2D: Multiple readback operations"
# What plotly.js itself says of what it is given: attributes and values that it does not know.
UNKNOWN = """() => [...document.querySelectorAll(".plot")].flatMap(
    (plot) => (Plotly.validate(plot.data, plot.layout) ?? []).map((found) => found.msg))"""


class Opened:
    """An open page, what it said and what it asked for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
        page.set_default_timeout(1000 * HANG)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_selector("html[data-pictures=drawn]", state="attached")

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in KINDS and not message.text.startswith(EXPECTED):
            self.said.append(message.text)

    def plots(self, name: str) -> str:
        """Return the selector of the first figure of a picture."""
        return f".picture[data-name='{name}'] >> nth=0 >> .plot"


@pytest.fixture(scope="module")
def opened(browser: Browser, file: Path) -> Iterator[Opened]:
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    yield Opened(page, file)
    page.close()


def test_the_record_is_one(record: Record) -> None:
    """What is made up here has the published schema."""
    wrong = jsonschema.Draft202012Validator(json_schema()).iter_errors(json.loads(as_json(record)))
    assert [f"{one.json_path}: {one.message[:80]}" for one in wrong] == []


def test_size(file: Path) -> None:
    assert file.stat().st_size < LARGEST  # 2.2 MB


def test_pictures(opened: Opened) -> None:
    """All are there and drawn, as plotly.js understands them; no text is left in their place."""
    found = opened.page.eval_on_selector_all(".picture", "all => all.map((one) => one.dataset.name)")
    assert set(found) == set(PICTURES)
    assert opened.page.evaluate(UNKNOWN) == []
    assert opened.page.locator(".plot", has_text="drawn by JavaScript").count() == 0


HIDDEN = """() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
    const bar = plot.querySelector(".modebar-container .modebar").getBoundingClientRect();
    const under = ({ left, right, top, bottom }) =>
        left < bar.right && right > bar.left && top < bar.bottom && bottom > bar.top;
    const words = [...plot.querySelectorAll(".legendtext, .cbtitle text, .xtick text, .ytick text")];
    return words.filter((one) => under(one.getBoundingClientRect())).map((one) => one.textContent);
})"""


@pytest.mark.parametrize("width", [500, 1000, 1280])
def test_no_word_lies_under_the_buttons(browser: Browser, file: Path, width: int) -> None:
    opened = Opened(browser.new_page(viewport={"width": width, "height": 900}), file)
    assert opened.page.evaluate(HIDDEN) == []
    opened.page.close()


UNREADABLE = """() => [...document.querySelectorAll(".plot")].flatMap((plot) => {
    const frame = plot.getBoundingClientRect(), at = (one) => one.getBoundingClientRect();
    const ticks = [...plot.querySelectorAll(".xtick text, .ytick text")];
    const titles = [...plot.querySelectorAll(".xtitle, .ytitle")];
    const out = (one) => at(one).left < frame.left - 1 || at(one).right > frame.right + 1;
    const cut = [...ticks, ...titles].filter(out);
    const meet = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
    const covered = titles.filter((title) => ticks.some((tick) => meet(at(title), at(tick))));
    return [...cut, ...covered].map((one) => one.textContent);
})"""


@pytest.mark.parametrize("width", [390, 1280])
def test_the_words_of_axes_are_whole(browser: Browser, file: Path, width: int) -> None:
    """None reaches beyond its picture, and no title lies on the numbers beside it."""
    opened = Opened(browser.new_page(viewport={"width": width, "height": 844}), file)
    assert opened.page.evaluate(UNREADABLE) == []
    opened.page.close()


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_the_first_screen_says_what_to_do(
    browser: Browser, record: Record, tmp_path: Path, width: int, height: int
) -> None:
    """On a red page, before anyone scrolls; and no page is wider than its screen."""
    models = [replace(one, looks_like=["looks like: first-token pooling (pooling)"]) for one in record.models]
    red = replace(record, models=models, verdict="fail", reasons=["a reason"] * 30)
    write_report(tmp_path, red)
    opened = Opened(browser.new_page(viewport={"width": width, "height": height}), tmp_path / "report.html")
    for words in ("FAIL.", "Likely fault of", "What to do:"):
        box = opened.page.locator("p", has_text=words).first.bounding_box()
        assert box
        assert box["y"] + box["height"] <= height
    assert opened.page.evaluate("document.documentElement.scrollWidth") <= width
    opened.page.close()


def test_alone(opened: Opened, file: Path) -> None:
    """No error, no request but for the file itself and what it holds, and no text that breaks out."""
    opened.page.emulate_media(color_scheme="dark")
    opened.page.emulate_media(color_scheme="light")
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("blob:", "data:"))] == [file.as_uri()]
    assert opened.page.title() != "broken out"
    assert opened.page.locator("a[href*='example.org'], img[onerror]").count() == 0


CELL = """([row, column]) => {
    const plot = document.querySelector(".picture[data-name='heat map'] .plot");
    const { left, top } = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
    return [left + xaxis._offset + xaxis.d2p(column), top + yaxis._offset + yaxis.d2p(row)];
}"""


@pytest.mark.parametrize(
    ("row", "column"), [(1, 2 * EACH + 3), *((n * EACH, n * EACH + 1) for n in range(len(HOSTILE)))]
)
def test_a_cell_shows_both_its_texts(opened: Opened, record: Record, row: int, column: int) -> None:
    """Letter by letter, whatever HTML or plotly.js could take them for; and the cosine."""
    opened.page.locator(opened.plots("heat map")).scroll_into_view_if_needed()
    opened.page.mouse.move(*opened.page.evaluate(CELL, [row, column]))
    label = opened.page.locator(f"{opened.plots('heat map')} >> .hovertext")
    label.wait_for(state="attached")
    shown = squeezed(label.first.text_content() or "")
    model = record.models[0]
    assert f"cosine{model.cosines[row][column]:.3f}".replace("-", "−") in shown.replace("-", "−")
    for one in (row, column):
        text = model.texts[one]
        assert squeezed(text.category + text.text) in shown
    assert opened.page.title() != "broken out"


def squeezed(text: str) -> str:
    """Return a text without white space: a label breaks lines where it likes."""
    return "".join(text.split())


POINTS = """() => {
    const plot = document.querySelector(".picture[data-name='map'] .plot");
    const { left, top, width, height } = plot.querySelector("canvas").getBoundingClientRect();
    const { model, view, projection } = plot._fullLayout.scene._scene.glplot.cameraParams;
    const scale = plot._fullLayout.scene._scene.dataScale;
    const four = [0, 1, 2, 3];
    const times = (m, v) => four.map((i) => four.reduce((sum, j) => sum + m[4 * j + i] * v[j], 0));
    return plot.data.flatMap((trace) => trace.x.map((x, i) => {
        const at = [x * scale[0], trace.y[i] * scale[1], trace.z[i] * scale[2], 1];
        const [a, b, , w] = [model, view, projection].reduce((v, m) => times(m, v), at);
        return [left + (1 + a / w) / 2 * width, top + (1 - b / w) / 2 * height];
    }));
}"""


def test_a_point_shows_its_text(opened: Opened, record: Record) -> None:
    """Points hide one another, so not each is asked; each label is that of a text, with its category."""
    page = opened.page
    page.locator(opened.plots("map")).scroll_into_view_if_needed()
    labels = page.locator(f"{opened.plots('map')} >> .hovertext")
    texts = {squeezed(one.category + one.text): row for row, one in enumerate(record.models[0].texts)}
    seen = set()
    for x, y in page.evaluate(POINTS)[::3]:
        page.mouse.move(x, y)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if labels.count():
            seen.add(texts[squeezed(labels.first.text_content() or "")])
    assert len(seen) >= 10  # of 30


INK = """(ink) => [...document.querySelectorAll(".plot")].every((plot) =>
    getComputedStyle(plot.querySelector(".xtick text, .legendtext")).fill === ink)"""
NIGHT, DAY = "rgb(230, 237, 243)", "rgb(31, 35, 40)"


def test_schemes(opened: Opened) -> None:
    """Dark, light and paper: the letters of each picture are those of the scheme."""
    for scheme, ink in (("dark", NIGHT), ("light", DAY), ("dark", NIGHT)):
        opened.page.emulate_media(color_scheme=scheme)
        opened.page.wait_for_function(INK, arg=ink)
    for event, ink in (("beforeprint", DAY), ("afterprint", NIGHT)):
        opened.page.evaluate(f"() => {{ dispatchEvent(new Event('{event}')) }}")
        assert opened.page.evaluate(INK, ink)  # at once: nobody waits for it
    opened.page.emulate_media(color_scheme="light")
    opened.page.wait_for_function(INK, arg=DAY)


EYE = """() => JSON.stringify(
    document.querySelector(".picture[data-name='map'] .plot")._fullLayout.scene._scene.getCamera().eye)"""


def test_the_map_turns(browser: Browser, file: Path) -> None:
    """Dragging moves the camera, on a page that is not still being drawn in another scheme."""
    opened = Opened(browser.new_page(viewport={"width": 1000, "height": 900}), file)
    page, plot = opened.page, opened.page.locator(opened.plots("map"))
    plot.scroll_into_view_if_needed()
    before, box = page.evaluate(EYE), plot.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 80, y + 10, steps=5)
    page.wait_for_function(f"(before) => ({EYE})() !== before", arg=before)
    page.close()
