"""The page as a reader has it: from a file, without a network."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

from embeddings.report.pictures import PICTURES
from embeddings.report.record import SCHEMA
from tests.pages.made_up import CATEGORIES, EACH, HOSTILE

LARGEST = 6_000_000  # bytes
KINDS = ("error", "warning")
# Plotly.js reads a canvas of its own while it makes the letters of a 3-D map.
EXPECTED = "Canvas2D: Multiple readback operations"
# Plotly.js's own judgement of what it is given: attributes that it does not know, values that it does not take.
UNKNOWN = """() => [...document.querySelectorAll(".plot")].flatMap(
    (plot) => (Plotly.validate(plot.data, plot.layout) ?? []).map((found) => found.msg))"""


class Opened:
    """An open page, what it said and what it asked for."""

    def __init__(self, page: Page, file: Path) -> None:
        self.page = page
        self.said: list[str] = []
        self.asked: list[str] = []
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


def test_the_record_is_one(record: dict[str, Any]) -> None:
    """What is made up here has the published schema."""
    jsonschema.validate(record, json.loads(SCHEMA.read_text(encoding="utf-8")))


def test_size(file: Path) -> None:
    assert file.stat().st_size < LARGEST  # 2.2 MB


def test_pictures(opened: Opened) -> None:
    """All are there and drawn, as plotly.js understands them; no text is left in their place."""
    found = opened.page.eval_on_selector_all(".picture", "all => all.map((one) => one.dataset.name)")
    assert list(dict.fromkeys(found)).sort() == list(PICTURES).sort()
    assert set(found) == set(PICTURES)
    assert opened.page.evaluate(UNKNOWN) == []
    assert opened.page.locator(".plot", has_text="needs JavaScript").count() == 0


def test_alone(opened: Opened, file: Path) -> None:
    """No error, no request but for the file itself and what it holds, and no text that breaks out."""
    opened.page.emulate_media(color_scheme="dark")
    opened.page.emulate_media(color_scheme="light")
    assert opened.said == []
    assert [url for url in opened.asked if not url.startswith(("blob:", "data:"))] == [file.as_uri()]
    assert opened.page.title() != "broken out"
    assert opened.page.locator("a[href*='example.org'], img[onerror]").count() == 0


def hovered(opened: Opened, name: str, text: str) -> str:
    """Sweep the mouse over the first figure of a picture until its label has a text; return the label."""
    plot = opened.page.locator(opened.plots(name))
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    assert box
    labels = opened.page.locator(f"{opened.plots(name)} >> .hovertext")
    for x in range(40, int(box["width"]) - 40, 9):
        for y in range(30, int(box["height"]) - 30, 9):
            opened.page.mouse.move(box["x"] + x, box["y"] + y)
            if labels.count() and text in (shown := labels.first.text_content() or ""):
                return shown
    return pytest.fail(f"{name}: no label with {text!r}")


CELL = """([row, column]) => {
    const plot = document.querySelector(".picture[data-name='heat map'] .plot");
    const { left, top } = plot.getBoundingClientRect(), { xaxis, yaxis } = plot._fullLayout;
    return [left + xaxis._offset + xaxis.d2p(column), top + yaxis._offset + yaxis.d2p(row)];
}"""


@pytest.mark.parametrize(("row", "column"), [(1, 2 * EACH + 3), *((n * EACH, n * EACH + 1) for n in range(5))])
def test_a_cell_shows_both_its_texts(opened: Opened, record: dict[str, Any], row: int, column: int) -> None:
    """Letter by letter, whatever HTML or plotly.js could take them for; and the cosine."""
    opened.page.locator(opened.plots("heat map")).scroll_into_view_if_needed()
    opened.page.mouse.move(*opened.page.evaluate(CELL, [row, column]))
    label = opened.page.locator(f"{opened.plots('heat map')} >> .hovertext")
    label.wait_for(state="attached")
    shown = squeezed(label.first.text_content() or "")
    model = record["models"][0]
    assert f"cosine{model['cosines'][row][column]:.3f}".replace("-", "−") in shown.replace("-", "−")
    for one in (row, column):
        text = model["texts"][one]
        assert squeezed(text["category"] + text["text"]) in shown
    assert opened.page.title() != "broken out"


def squeezed(text: str) -> str:
    """Return a text without white space: a label breaks lines where it likes."""
    return "".join(text.split())


POINTS = """() => {
    const plot = document.querySelector(".picture[data-name='map'] .plot");
    const { left, top, width, height } = plot.querySelector("canvas").getBoundingClientRect();
    const { model, view, projection } = plot._fullLayout.scene._scene.glplot.cameraParams;
    const scale = plot._fullLayout.scene._scene.dataScale;
    const times = (m, v) => [0, 1, 2, 3].map((i) => [0, 1, 2, 3].reduce((sum, j) => sum + m[4 * j + i] * v[j], 0));
    return plot.data.flatMap((trace) => trace.x.map((x, i) => {
        const at = [x * scale[0], trace.y[i] * scale[1], trace.z[i] * scale[2], 1];
        const [a, b, , w] = [model, view, projection].reduce((v, m) => times(m, v), at);
        return [left + (1 + a / w) / 2 * width, top + (1 - b / w) / 2 * height];
    }));
}"""


def test_a_point_shows_its_text(opened: Opened, record: dict[str, Any]) -> None:
    """Points hide one another, so not each is asked; each label is that of a text, with its category."""
    page = opened.page
    page.locator(opened.plots("map")).scroll_into_view_if_needed()
    labels = page.locator(f"{opened.plots('map')} >> .hovertext")
    texts = {squeezed(one["text"] + one["category"]): row for row, one in enumerate(record["models"][0]["texts"])}
    seen = set()
    for x, y in page.evaluate(POINTS)[::3]:
        page.mouse.move(x, y)
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        if labels.count():
            seen.add(texts[squeezed(labels.first.text_content() or "")])
    assert len(seen) >= 10  # of 30


def test_schemes(opened: Opened) -> None:
    """Dark, light and paper: the letters of each picture are those of the scheme."""
    ink = "() => [...document.querySelectorAll('.plot')].map((plot) => plot._fullLayout.font.color)"
    for scheme, colour in (("dark", "#e6edf3"), ("light", "#1f2328")):
        opened.page.emulate_media(color_scheme=scheme)
        assert set(opened.page.evaluate(ink)) == {colour}
    opened.page.emulate_media(color_scheme="dark")
    for event, colour in (("beforeprint", "#1f2328"), ("afterprint", "#e6edf3")):
        opened.page.evaluate(f"() => dispatchEvent(new Event('{event}'))")
        assert set(opened.page.evaluate(ink)) == {colour}
    opened.page.emulate_media(color_scheme="light")


def test_the_map_turns(opened: Opened) -> None:
    """Dragging moves the camera."""
    eye = "() => document.querySelector(\".picture[data-name='map'] .plot\")._fullLayout.scene._scene.getCamera().eye"
    plot = opened.page.locator(opened.plots("map"))
    plot.scroll_into_view_if_needed()
    before, box = opened.page.evaluate(eye), plot.bounding_box()
    assert box
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 2
    opened.page.mouse.move(x, y)
    opened.page.mouse.down()
    opened.page.mouse.move(x + 80, y + 10, steps=5)
    opened.page.mouse.up()
    assert opened.page.evaluate(eye) != before


assert len(CATEGORIES) > len(HOSTILE)
