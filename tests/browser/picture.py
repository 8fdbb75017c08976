"""Takes a picture of a part of a report: python -m tests.browser.picture REPORT.HTML SELECTOR FILE.png."""

import argparse
from pathlib import Path

from tests.browser.conftest import chromium

WIDTH, HEIGHT = 1000, 1100  # pixels of the screen
DRAWN = "html[data-pictures=drawn], html:not(:has(#plotly))"


def main() -> None:
    """Open the page, wait until its pictures are drawn, and keep what the selector names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path, help="report.html")
    parser.add_argument("selector", help="CSS of the part; body: the first screen")
    parser.add_argument("file", type=Path, help="where to write the picture")
    parser.add_argument("--dark", action="store_true", help="as a reader of dark pages sees it")
    asked = parser.parse_args()
    with chromium() as browser:
        scheme = "dark" if asked.dark else "light"
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme)
        page.goto(asked.page.resolve().as_uri())
        page.wait_for_selector(DRAWN, state="attached")
        if asked.selector == "body":
            page.screenshot(path=asked.file)
        else:
            page.locator(asked.selector).first.screenshot(path=asked.file)


if __name__ == "__main__":
    main()
