"""The page for whoever reads it otherwise: by keyboard, by ear, without WebGL, before or without a script."""

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser

from embedding_gate.report.schema.record import Record
from tests.browser.test_page import UNKNOWN, Opened

FLAT = """HTMLCanvasElement.prototype.getContext = new Proxy(HTMLCanvasElement.prototype.getContext, {
    apply: (get, canvas, [kind, ...more]) =>
        kind.includes("webgl") ? null : Reflect.apply(get, canvas, [kind, ...more]) });"""
# Of each picture: pixels from the left edge of its caption to the first of its words and marks.
INDENTS = """() => [...document.querySelectorAll(".picture")].map((picture) => {
    const seen = picture.querySelectorAll(".ytick text, .ytitle, .legendtext, .legendsymbols path, .scene");
    const left = Math.min(...[...seen].map((one) => one.getBoundingClientRect().left));
    return left - picture.querySelector("figcaption").getBoundingClientRect().left; })"""
INDENT = 20  # measured at most 13: in a legend, before its first mark

PAPER = 688  # pixels between the margins of A4, which is narrower than Letter
CUT = """() => [...document.querySelectorAll("table, .plot")].filter((one) => one.checkVisibility())
    .filter((one) => one.getBoundingClientRect().right > document.documentElement.clientWidth)
    .map((one) => one.textContent.slice(0, 60))"""


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1280, 800), ("dark", 390, 844)])
def test_axe_finds_nothing(browser: Browser, file: Path, scheme: str, width: int, height: int) -> None:
    """With all that is folded open: axe does not look at what is hidden."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    Opened(page, file)
    page.eval_on_selector_all("details", "all => all.forEach((one) => { one.open = true; })")
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found] == []
    page.close()


def test_axe_finds_a_fault_where_there_is_one(browser: Browser, file: Path) -> None:
    """In faint letters, and in a button within a picture: as the page had it once."""
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    Opened(page, file)
    page.eval_on_selector(".plot", "one => one.setAttribute('role', 'img')")
    page.eval_on_selector("main p", "one => { one.style.color = '#bbb'; }")
    found = {one["id"] for one in Axe().run(page).response["violations"]}
    assert {"nested-interactive", "color-contrast"} <= found
    page.close()


def test_a_fault_is_unfolded_by_keyboard(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    Opened(page, file)
    summary = page.locator("summary", has_text="pooling")
    table = page.locator("details .table[aria-label^=pooling]")
    assert not table.is_visible()
    summary.focus()
    page.keyboard.press("Enter")
    table.wait_for(state="visible")
    page.close()


def test_without_webgl_the_map_has_two_dimensions(browser: Browser, file: Path, record: Record) -> None:
    """Each text is a point, no box of plotly.js's stands in its place, and the caption says why."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.add_init_script(FLAT)
    opened = Opened(page, file)
    picture = page.locator(".picture[data-name='map']").first
    assert picture.locator(".point").count() == len(record.models[0].texts)
    assert "has no WebGL" in (picture.locator("figcaption").text_content() or "")
    assert page.locator("text=WebGL is not supported").count() == 0
    assert page.evaluate(UNKNOWN) == []
    assert opened.said == []
    page.close()


def test_a_picture_that_is_not_drawn_leaves_no_blank_area(browser: Browser, file: Path) -> None:
    """Before the script has run, and without it: one line stands there, two on a phone."""
    page = browser.new_page(viewport={"width": 390, "height": 844}, java_script_enabled=False)
    page.goto(file.as_uri())
    boxes = [one.bounding_box() for one in page.locator(".plot").all()]
    assert boxes
    assert all(box and box["height"] < 60 for box in boxes)
    page.close()


def test_pictures_stand_at_the_left_edge_of_their_text(browser: Browser, file: Path) -> None:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.add_init_script(FLAT)
    Opened(page, file)
    indents = page.evaluate(INDENTS)
    assert indents
    assert [one for one in indents if not -1 <= one <= INDENT] == []
    page.close()


def test_paper_is_white_and_cuts_nothing(browser: Browser, file: Path) -> None:
    """Of a reader of dark pages too."""
    page = browser.new_page(viewport={"width": PAPER, "height": 970}, color_scheme="dark")
    Opened(page, file)
    assert page.evaluate(CUT) != []  # on a screen a wide table scrolls
    page.emulate_media(media="print", color_scheme="dark")
    page.evaluate("() => { dispatchEvent(new Event('beforeprint')) }")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.evaluate(CUT) == []
    page.close()
